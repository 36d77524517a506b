-- 40 products of a shop for outdoor equipment. Dates lie far in the past or far in the future, so that the data does not depend on the day.
insert into nopcommerce."Category" ("Name", "DisplayOrder", "Published") values
    ('Tents', 1, true), ('Sleeping bags', 2, true), ('Backpacks', 3, true), ('Cooking', 4, true), ('Lamps', 5, true), ('Clothing', 6, true),
    ('Offers', 7, true), ('Internal', 8, false);

insert into nopcommerce."ProductAttribute" ("Name") values ('Colour'), ('Size');

-- Products with an even id have warehouses, those of the categories Backpacks and Clothing have variants.
create temporary table new_product (id integer, name text, category integer, price numeric);
insert into new_product values
    (1, 'Tent Ridge 2', 1, 249), (2, 'Tent Ridge 3', 1, 319), (3, 'Tent Ridge 4', 1, 389.5), (4, 'Tent Valley 2', 1, 179.9),
    (5, 'Tent Valley 4', 1, 229.9), (6, 'Tarp 3 x 4 m', 1, 69.95), (7, 'Ground sheet 2 x 3 m', 1, 24.9), (8, 'Tent peg, steel', 1, 0.8125),
    (9, 'Sleeping bag Alder, 5 °C', 2, 89), (10, 'Sleeping bag Birch, 0 °C', 2, 129), (11, 'Sleeping bag Cedar, -7 °C', 2, 199),
    (12, 'Sleeping bag liner, cotton', 2, 34.5), (13, 'Sleeping mat, foam', 2, 19.9), (14, 'Sleeping mat, inflatable', 2, 79),
    (15, 'Pillow, inflatable', 2, 15.9), (16, 'Backpack 20 l', 3, 59.9), (17, 'Backpack 35 l', 3, 89.9), (18, 'Backpack 50 l', 3, 139),
    (19, 'Backpack 65 l', 3, 169), (20, 'Belt bag 3 l', 3, 24.9), (21, 'Gas stove', 4, 44.9), (22, 'Spirit stove', 4, 39.9),
    (23, 'Pot set, aluminium, 3 pieces', 4, 49), (24, 'Pan 20 cm', 4, 29.9), (25, 'Cup 0.4 l, steel', 4, 12.5),
    (26, 'Cutlery set, titanium', 4, 27.9), (27, 'Water bottle 1 l', 4, 18.9), (28, 'Water filter', 4, 64), (29, 'Head lamp 200 lm', 5, 32.9),
    (30, 'Head lamp 500 lm', 5, 69.9), (31, 'Camping lantern', 5, 39), (32, 'Rain jacket', 6, 149), (33, 'Fleece jacket', 6, 79.9),
    (34, 'Hiking trousers', 6, 69.9), (35, 'Merino shirt', 6, 59.9),
    -- Available until 2020, available from 2095, not published, with a fault, deleted.
    (36, 'Tent Valley 2, model 2019', 1, 99), (37, 'Tent Summit 2', 1, 599), (38, 'Gas stove, sample', 4, 0), (39, 'Rain trousers', 6, 89),
    (40, 'Oil lamp', 5, 22);

insert into nopcommerce."Product" ("Name", "Sku", "ShortDescription", "Price", "OldPrice", "ManageInventoryMethodId", "UseMultipleWarehouses",
    "StockQuantity", "AvailableStartDateTimeUtc", "AvailableEndDateTimeUtc", "Published", "Deleted")
select n.name, 'OUT-' || lpad(n.id::text, 4, '0'), case when n.id % 7 <> 0 then n.name || ' for hikers and campers.' end, n.price,
       case when n.id % 10 = 5 then n.price + 10 else 0 end,
       case when n.category in (3, 6) then 2 when n.id = 8 then 0 else 1 end,
       n.id % 2 = 0 and n.category not in (3, 6), n.id * 13 % 50,
       case when n.id = 37 then timestamp '2095-03-01 06:00:00' end,
       case when n.id = 36 then timestamp '2020-10-31 23:00:00' end,
       n.id <> 38, n.id = 40
from new_product as n order by n.id;

insert into nopcommerce."Product_Category_Mapping" ("ProductId", "CategoryId", "DisplayOrder")
select n.id, n.category, 1 from new_product as n
union all select n.id, 7, 2 from new_product as n where n.id % 10 = 5
union all select n.id, 8, 3 from new_product as n where n.id % 9 = 0
order by 1, 3;

insert into nopcommerce."Product_ProductAttribute_Mapping" ("ProductId", "ProductAttributeId", "DisplayOrder")
select n.id, a.id, a.id from new_product as n cross join (values (1), (2)) as a(id)
where n.category = 6 or n.category = 3 and a.id = 1
order by n.id, a.id;

insert into nopcommerce."ProductAttributeValue" ("ProductAttributeMappingId", "Name", "DisplayOrder")
select m."Id", v.name, v.display_order
from nopcommerce."Product_ProductAttribute_Mapping" as m
join (values (1, 'Green', 1), (1, 'Blue', 2), (2, 'S', 1), (2, 'M', 2), (2, 'L', 3)) as v(attribute, name, display_order)
    on v.attribute = m."ProductAttributeId"
order by m."Id", v.display_order;

-- A variant for each colour of a backpack, and for each colour and size of a piece of clothing. The largest size costs 5 more.
insert into nopcommerce."ProductAttributeCombination" ("ProductId", "AttributesXml", "Sku", "Gtin", "StockQuantity", "OverriddenPrice")
select p."Id",
       '<Attributes><ProductAttribute ID="' || colour.mapping || '"><ProductAttributeValue><Value>' || colour.id
           || '</Value></ProductAttributeValue></ProductAttribute>'
           || coalesce('<ProductAttribute ID="' || size.mapping || '"><ProductAttributeValue><Value>' || size.id
           || '</Value></ProductAttributeValue></ProductAttribute>', '') || '</Attributes>',
       p."Sku" || '-' || upper(left(colour.name, 2)) || coalesce('-' || size.name, ''),
       '40' || lpad((p."Id" * 1000 + colour.id * 10 + coalesce(size.id, 0))::text, 11, '0'),
       (colour.id + coalesce(size.id, 0)) * 3 % 20,
       case when size.name = 'L' then p."Price" + 5 end
from nopcommerce."Product" as p
join (select m."ProductId" as product, m."Id" as mapping, v."Id" as id, v."Name" as name
      from nopcommerce."Product_ProductAttribute_Mapping" as m
      join nopcommerce."ProductAttributeValue" as v on v."ProductAttributeMappingId" = m."Id"
      where m."ProductAttributeId" = 1) as colour on colour.product = p."Id"
left join (select m."ProductId" as product, m."Id" as mapping, v."Id" as id, v."Name" as name
           from nopcommerce."Product_ProductAttribute_Mapping" as m
           join nopcommerce."ProductAttributeValue" as v on v."ProductAttributeMappingId" = m."Id"
           where m."ProductAttributeId" = 2) as size on size.product = p."Id"
order by p."Id", colour.id, size.id;

-- The mapping reports this as the fault of product 39.
update nopcommerce."ProductAttributeCombination" set "AttributesXml" = '<Attributes><ProductAttribute' where "Sku" = 'OUT-0039-GR-S';

insert into nopcommerce."ProductWarehouseInventory" ("ProductId", "WarehouseId", "StockQuantity", "ReservedQuantity")
select p."Id", w.id, p."Id" * w.id * 7 % 40, p."Id" % 3
from nopcommerce."Product" as p cross join generate_series(1, 2) as w(id)
where p."UseMultipleWarehouses"
order by p."Id", w.id;

-- Tent pegs are cheaper by the dozen; a price of product 1 begins in the future, one of product 2 has ended, one of product 3 is for one role.
insert into nopcommerce."TierPrice" ("ProductId", "CustomerRoleId", "Quantity", "Price", "StartDateTimeUtc", "EndDateTimeUtc") values
    (8, null, 12, 0.75, null, null), (8, null, 100, 0.6875, null, null),
    (1, null, 2, 229, '2095-05-01 00:00:00', '2095-06-01 00:00:00'),
    (2, null, 2, 299, '2020-05-01 00:00:00', '2020-06-01 00:00:00'),
    (3, 4, 1, 349, null, null);

drop table new_product;
