-- id: bigint
-- watch: nopcommerce."Product" ("Id")
-- watch: nopcommerce."ProductAttributeCombination" ("ProductId")
-- watch: nopcommerce."ProductWarehouseInventory" ("ProductId")
-- watch: nopcommerce."TierPrice" ("ProductId")
-- watch: nopcommerce."Product_Category_Mapping" ("ProductId")
-- watch: nopcommerce."Category" ("Id") -> select m."ProductId"::bigint from nopcommerce."Product_Category_Mapping" as m
--    where m."CategoryId" = any(@keys)
-- watch: nopcommerce."Product_ProductAttribute_Mapping" ("ProductId")
-- watch: nopcommerce."ProductAttribute" ("Id") -> select m."ProductId"::bigint from nopcommerce."Product_ProductAttribute_Mapping" as m
--    where m."ProductAttributeId" = any(@keys)
-- watch: nopcommerce."ProductAttributeValue" ("ProductAttributeMappingId") -> select m."ProductId"::bigint
--    from nopcommerce."Product_ProductAttribute_Mapping" as m where m."Id" = any(@keys)
-- list: select p."Id" as id, p."Name"::text as search from nopcommerce."Product" as p where not p."Deleted"
--
-- The ids of the shop are integers. A comparison of an integer column with a bigint uses the index on the column. A comparison of the
-- column cast to bigint does not, so the list and the condition of the SELECT have no cast.
--
-- A deleted product is left out. A product that is not published or not available now has the body null.
-- The time columns are in UTC without a time zone. The SELECT makes timestamptz of them before it compares them with now().
-- The fault is found with bool_or. For exists PostgreSQL may read the whole table once instead of an index for each product.
select p."Id"::bigint as id,
       case when p."Published" and coalesce(p."AvailableStartDateTimeUtc" at time zone 'UTC' <= now(), true)
                 and coalesce(p."AvailableEndDateTimeUtc" at time zone 'UTC' > now(), true)
            then jsonb_build_object(
                'id', p."Id",
                'sku', p."Sku",
                'name', p."Name",
                'description', p."ShortDescription",
                'price', trim_scale(p."Price"),
                'oldPrice', trim_scale(nullif(p."OldPrice", 0)),
                'tierPrices', (
                    select coalesce(jsonb_agg(jsonb_build_object('quantity', t."Quantity", 'price', trim_scale(t."Price"))
                                              order by t."Quantity", t."Price"), '[]')
                    from nopcommerce."TierPrice" as t
                    where t."ProductId" = p."Id" and t."StoreId" = 0 and t."CustomerRoleId" is null
                      and coalesce(t."StartDateTimeUtc" at time zone 'UTC' <= now(), true)
                      and coalesce(t."EndDateTimeUtc" at time zone 'UTC' > now(), true)),
                'stock', case
                    when p."ManageInventoryMethodId" = 0 then null
                    when p."ManageInventoryMethodId" = 2 then (
                        select coalesce(sum(c."StockQuantity"), 0)
                        from nopcommerce."ProductAttributeCombination" as c where c."ProductId" = p."Id")
                    when p."UseMultipleWarehouses" then (
                        select coalesce(sum(w."StockQuantity" - w."ReservedQuantity"), 0)
                        from nopcommerce."ProductWarehouseInventory" as w where w."ProductId" = p."Id")
                    else p."StockQuantity" end,
                'warehouses', (
                    select coalesce(jsonb_agg(jsonb_build_object('warehouseId', w."WarehouseId",
                                                                 'stock', w."StockQuantity" - w."ReservedQuantity")
                                              order by w."WarehouseId", w."Id"), '[]')
                    from nopcommerce."ProductWarehouseInventory" as w
                    where w."ProductId" = p."Id" and p."ManageInventoryMethodId" = 1 and p."UseMultipleWarehouses"),
                'categories', (
                    select coalesce(jsonb_agg(jsonb_build_object('id', c."Id", 'name', c."Name") order by m."DisplayOrder", m."Id"), '[]')
                    from nopcommerce."Product_Category_Mapping" as m
                    join nopcommerce."Category" as c on c."Id" = m."CategoryId"
                    where m."ProductId" = p."Id" and c."Published" and not c."Deleted"),
                'variants', (
                    select coalesce(jsonb_agg(jsonb_build_object(
                               'id', c."Id",
                               'sku', c."Sku",
                               'gtin', c."Gtin",
                               'price', trim_scale(coalesce(c."OverriddenPrice", p."Price")),
                               'stock', case when p."ManageInventoryMethodId" = 2 then c."StockQuantity" end,
                               'attributes', case when xml_is_well_formed_document(c."AttributesXml") then (
                                   select coalesce(jsonb_object_agg(a."Name", v."Name" order by m."DisplayOrder", m."Id", v."Id"), '{}')
                                   from xmltable('/Attributes/ProductAttribute/ProductAttributeValue'
                                                 passing xmlparse(document c."AttributesXml") columns value text path 'Value') as x
                                   join nopcommerce."ProductAttributeValue" as v
                                       on v."Id" = case when x.value ~ '^[0-9]{1,9}$' then x.value::integer end
                                   join nopcommerce."Product_ProductAttribute_Mapping" as m
                                       on m."Id" = v."ProductAttributeMappingId" and m."ProductId" = p."Id"
                                   join nopcommerce."ProductAttribute" as a on a."Id" = m."ProductAttributeId")
                                   else '{}' end) order by c."Id"), '[]')
                    from nopcommerce."ProductAttributeCombination" as c
                    where c."ProductId" = p."Id"))
            end as body,
       case when p."Published" then (
           select min(m.moment)
           from (values (p."AvailableStartDateTimeUtc" at time zone 'UTC'), (p."AvailableEndDateTimeUtc" at time zone 'UTC')
                 union all
                 select b.moment at time zone 'UTC'
                 from nopcommerce."TierPrice" as t
                 cross join lateral (values (t."StartDateTimeUtc"), (t."EndDateTimeUtc")) as b(moment)
                 where t."ProductId" = p."Id" and t."StoreId" = 0 and t."CustomerRoleId" is null) as m(moment)
           where m.moment > now())
           end as valid_until,
       array(select 'category-' || m."CategoryId" from nopcommerce."Product_Category_Mapping" as m
             where m."ProductId" = p."Id" order by m."CategoryId") as tags,
       case when not p."Published" then null
            when p."Price" < 0 then 'The price is negative.'
            when (select bool_or(not xml_is_well_formed_document(c."AttributesXml"))
                  from nopcommerce."ProductAttributeCombination" as c where c."ProductId" = p."Id")
            then 'The AttributesXml of a combination is not well-formed.'
            end as fault
from nopcommerce."Product" as p
where p."Id" = any(@ids) and not p."Deleted"
