-- id: uuid
-- watch: saleor.product_product (id)
-- watch: saleor.product_producttranslation (product_id)
-- watch: saleor.product_productchannellisting (product_id)
-- watch: saleor.product_productvariant (product_id)
-- watch: saleor.product_productvariantchannellisting (variant_id) -> select v.product_id from saleor.product_productvariant as v
--    where v.id = any(@keys)
-- watch: saleor.channel_channel (id) -> select l.product_id from saleor.product_productchannellisting as l where l.channel_id = any(@keys)
-- watch: saleor.attribute_assignedproductattributevalue (product_id)
-- watch: saleor.attribute_attributevalue (id) -> select a.product_id from saleor.attribute_assignedproductattributevalue as a
--    where a.value_id = any(@keys)
-- watch: saleor.attribute_attribute (id) -> select distinct a.product_id from saleor.attribute_attributevalue as v
--    join saleor.attribute_assignedproductattributevalue as a on a.value_id = v.id where v.attribute_id = any(@keys)
-- list: select p.id, p.name::text as search from saleor.product_product as p
--
-- One document has all channels and all languages of a product. A renamed channel changes all products that it lists.
--
-- A channel is in the document when it is active and the product is published in it at this moment. A product that no channel shows
-- has the body null. valid_until is the next moment at which a published listing becomes visible or can be bought.
select p.id,
       case when c.channels is not null then jsonb_build_object(
           'id', p.id,
           'name', p.name,
           'slug', p.slug,
           'description', p.description_plaintext,
           'metadata', coalesce(p.metadata, '{}'),
           'attributes', (
               select coalesce(jsonb_object_agg(x.slug, jsonb_build_object('name', x.name, 'values', x.names)), '{}')
               from (select a.slug, a.name, jsonb_agg(v.name order by s.sort_order, s.id) as names
                     from saleor.attribute_assignedproductattributevalue as s
                     join saleor.attribute_attributevalue as v on v.id = s.value_id
                     join saleor.attribute_attribute as a on a.id = v.attribute_id
                     where s.product_id = p.id and a.visible_in_storefront
                     group by a.id) as x),
           'translations', (
               select coalesce(jsonb_object_agg(t.language_code, jsonb_build_object(
                          'name', t.name, 'seoTitle', t.seo_title, 'seoDescription', t.seo_description)), '{}')
               from saleor.product_producttranslation as t where t.product_id = p.id),
           'channels', c.channels)
           end as body,
       m.valid_until,
       c.tags,
       case when c.wrong_currency then 'The currency of a listing is not the currency of its channel.' end as fault
from saleor.product_product as p
cross join lateral (
    select jsonb_object_agg(ch.slug, jsonb_build_object(
               'name', ch.name,
               'currency', ch.currency_code,
               'country', ch.default_country,
               'visibleInListings', l.visible_in_listings,
               'availableForPurchase', coalesce(l.available_for_purchase_at <= now(), false),
               'variants', x.variants)) as channels,
           coalesce(array_agg('channel-' || ch.slug order by ch.slug), '{}') as tags,
           bool_or(l.currency <> ch.currency_code or x.wrong_currency) as wrong_currency
    from saleor.product_productchannellisting as l
    join saleor.channel_channel as ch on ch.id = l.channel_id
    cross join lateral (
        select coalesce(jsonb_agg(jsonb_build_object(
                   'id', v.id,
                   'sku', v.sku,
                   'name', v.name,
                   'price', trim_scale(coalesce(vl.discounted_price_amount, vl.price_amount)),
                   'undiscountedPrice', trim_scale(vl.price_amount)) order by v.sort_order, v.id), '[]') as variants,
               coalesce(bool_or(vl.currency <> ch.currency_code), false) as wrong_currency
        from saleor.product_productvariant as v
        join saleor.product_productvariantchannellisting as vl on vl.variant_id = v.id and vl.channel_id = l.channel_id
        where v.product_id = p.id and vl.price_amount is not null) as x
    where l.product_id = p.id and ch.is_active and l.is_published and coalesce(l.published_at <= now(), true)) as c
cross join lateral (
    select min(b.moment) as valid_until
    from saleor.product_productchannellisting as l
    join saleor.channel_channel as ch on ch.id = l.channel_id
    cross join lateral (values (l.published_at), (l.available_for_purchase_at)) as b(moment)
    where l.product_id = p.id and ch.is_active and l.is_published and b.moment > now()) as m
where p.id = any(@ids)
