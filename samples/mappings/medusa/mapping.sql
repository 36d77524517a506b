-- id: text
-- watch: medusa.product (id)
-- watch: medusa.product_tags (product_id)
-- watch: medusa.product_variant (product_id)
-- watch: medusa.product_variant_option (variant_id) -> select v.product_id from medusa.product_variant as v where v.id = any(@keys)
-- watch: medusa.product_option_value (id) -> select v.product_id from medusa.product_variant_option as vo
--    join medusa.product_variant as v on v.id = vo.variant_id where vo.option_value_id = any(@keys)
-- watch: medusa.product_option (id) -> select distinct v.product_id from medusa.product_option_value as ov
--    join medusa.product_variant_option as vo on vo.option_value_id = ov.id
--    join medusa.product_variant as v on v.id = vo.variant_id where ov.option_id = any(@keys) and ov.deleted_at is null
-- watch: medusa.product_variant_price_set (variant_id) -> select v.product_id from medusa.product_variant as v where v.id = any(@keys)
-- watch: medusa.price (price_set_id) -> select v.product_id from medusa.product_variant_price_set as s
--    join medusa.product_variant as v on v.id = s.variant_id where s.price_set_id = any(@keys)
-- watch: medusa.price_list (id) -> select distinct v.product_id from medusa.price as pr
--    join medusa.product_variant_price_set as s on s.price_set_id = pr.price_set_id
--    join medusa.product_variant as v on v.id = s.variant_id where pr.price_list_id = any(@keys) and pr.deleted_at is null
-- list: select p.id, p.title as search from medusa.product as p where p.deleted_at is null
--
-- The indexes of Medusa cover only rows that are not deleted. Conditions on price_set_id, price_list_id, option_id and product_id
-- therefore come with deleted_at is null. A fan-out may leave out deleted rows, because the deletion of each row on its path is watched.
--
-- A deleted product is left out. A product that is not published has the body null.
-- A price list takes effect at starts_at and ends at ends_at. valid_until is the next such moment of a list with prices of the product.
-- Prices with rules and prices from a quantity on are not part of the body.
-- The fault is found with count. For exists PostgreSQL may read the whole table once instead of an index for each product.
select p.id,
       case when p.status = 'published' then jsonb_build_object(
           'id', p.id,
           'title', p.title,
           'handle', p.handle,
           'subtitle', p.subtitle,
           'description', p.description,
           'thumbnail', p.thumbnail,
           'tagIds', (select coalesce(jsonb_agg(t.product_tag_id order by t.product_tag_id), '[]')
                      from medusa.product_tags as t where t.product_id = p.id),
           'variants', (
               select coalesce(jsonb_agg(jsonb_build_object(
                          'id', v.id,
                          'title', v.title,
                          'sku', v.sku,
                          'barcode', v.barcode,
                          'options', (
                              select coalesce(jsonb_object_agg(o.title, ov.value order by o.id, ov.id), '{}')
                              from medusa.product_variant_option as vo
                              join medusa.product_option_value as ov on ov.id = vo.option_value_id and ov.deleted_at is null
                              join medusa.product_option as o on o.id = ov.option_id and o.deleted_at is null
                              where vo.variant_id = v.id),
                          'prices', (
                              select coalesce(jsonb_object_agg(c.currency_code, jsonb_build_object(
                                         'amount', trim_scale(least(coalesce(c.override, c.base), c.sale)),
                                         'originalAmount', trim_scale(coalesce(c.override, c.base)))), '{}')
                              from (select pr.currency_code,
                                           min(pr.amount) filter (where pr.price_list_id is null) as base,
                                           min(pr.amount) filter (where l.type = 'override') as override,
                                           min(pr.amount) filter (where l.type = 'sale') as sale
                                    from medusa.product_variant_price_set as s
                                    join medusa.price as pr on pr.price_set_id = s.price_set_id and pr.deleted_at is null
                                    left join medusa.price_list as l on l.id = pr.price_list_id and l.deleted_at is null
                                        and l.status = 'active' and l.rules_count = 0
                                        and coalesce(l.starts_at <= now(), true) and coalesce(l.ends_at > now(), true)
                                    where s.variant_id = v.id and s.deleted_at is null and pr.rules_count = 0
                                      and pr.min_quantity is null and pr.max_quantity is null
                                      and (pr.price_list_id is null or l.id is not null)
                                    group by pr.currency_code) as c
                              where coalesce(c.override, c.base) is not null)) order by v.variant_rank, v.id), '[]')
               from medusa.product_variant as v
               where v.product_id = p.id and v.deleted_at is null))
           end as body,
       case when p.status = 'published' then (
           select min(m.moment)
           from medusa.product_variant as v
           join medusa.product_variant_price_set as s on s.variant_id = v.id and s.deleted_at is null
           join medusa.price as pr on pr.price_set_id = s.price_set_id and pr.deleted_at is null
           join medusa.price_list as l on l.id = pr.price_list_id and l.deleted_at is null and l.status = 'active'
           cross join lateral (values (l.starts_at), (l.ends_at)) as m(moment)
           where v.product_id = p.id and v.deleted_at is null and m.moment > now())
           end as valid_until,
       array(select t.product_tag_id from medusa.product_tags as t where t.product_id = p.id order by t.product_tag_id) as tags,
       case when p.status = 'published' and (
                select min((select count(*)
                            from medusa.product_variant_price_set as s
                            join medusa.price as pr on pr.price_set_id = s.price_set_id and pr.deleted_at is null
                            where s.variant_id = v.id and s.deleted_at is null and pr.price_list_id is null))
                from medusa.product_variant as v
                where v.product_id = p.id and v.deleted_at is null) = 0
            then 'A variant has no price.' end as fault
from medusa.product as p
where p.id = any(@ids) and p.deleted_at is null
