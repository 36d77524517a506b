-- 30 products of a shop for furniture. The 1st product has the id 00000000-0000-4000-8000-000000000001, its variants have
-- 00000000-0000-4000-9000-000000000011 and so on. Dates lie far in the past or far in the future, so that the data does not depend on the day.
insert into saleor.channel_channel (name, slug, is_active, currency_code, default_country) values
    ('Europe', 'europe', true, 'EUR', 'DE'), ('Switzerland', 'switzerland', true, 'CHF', 'CH'),
    ('United States', 'united-states', true, 'USD', 'US'), ('Outlet', 'outlet', false, 'EUR', 'DE');

insert into saleor.attribute_attribute (slug, name, visible_in_storefront) values
    ('material', 'Material', true), ('room', 'Room', true), ('supplier', 'Supplier', false);

insert into saleor.attribute_attributevalue (attribute_id, slug, name) values
    (1, 'oak', 'Oak'), (1, 'walnut', 'Walnut'), (1, 'steel', 'Steel'), (1, 'linen', 'Linen'), (2, 'living-room', 'Living room'),
    (2, 'bedroom', 'Bedroom'), (2, 'office', 'Office'), (3, 'nord', 'Nord'), (3, 'west', 'West');

create temporary table new_product (n integer, name text, german text, french text, price numeric);
insert into new_product values
    (1, 'Dining table', 'Esstisch', 'Table à manger', 649), (2, 'Coffee table', 'Couchtisch', 'Table basse', 249),
    (3, 'Side table', 'Beistelltisch', 'Table d''appoint', 119), (4, 'Desk', 'Schreibtisch', 'Bureau', 429),
    (5, 'Standing desk', 'Stehschreibtisch', 'Bureau assis-debout', 699), (6, 'Chair', 'Stuhl', 'Chaise', 129),
    (7, 'Armchair', 'Sessel', 'Fauteuil', 399), (8, 'Office chair', 'Bürostuhl', 'Chaise de bureau', 329),
    (9, 'Bar stool', 'Barhocker', 'Tabouret de bar', 149), (10, 'Bench', 'Sitzbank', 'Banc', 229),
    (11, 'Sofa, 2 seats', 'Sofa, 2 Sitze', 'Canapé 2 places', 899), (12, 'Sofa, 3 seats', 'Sofa, 3 Sitze', 'Canapé 3 places', 1199),
    (13, 'Bed 140 cm', 'Bett 140 cm', 'Lit 140 cm', 549),
    (14, 'Bed 180 cm', 'Bett 180 cm', 'Lit 180 cm', 749), (15, 'Night table', 'Nachttisch', 'Table de chevet', 99.9),
    (16, 'Wardrobe', 'Kleiderschrank', 'Armoire', 799), (17, 'Chest of drawers', 'Kommode', 'Commode', 349),
    (18, 'Bookcase', 'Bücherregal', 'Bibliothèque', 299), (19, 'Wall shelf', 'Wandregal', 'Étagère murale', 49.9),
    (20, 'Sideboard', 'Sideboard', null, 499), (21, 'Coat rack', 'Garderobe', 'Portemanteau', 89.5), (22, 'Mirror', 'Spiegel', 'Miroir', 79.9),
    (23, 'Floor lamp', 'Stehleuchte', 'Lampadaire', 159), (24, 'Desk lamp', 'Schreibtischleuchte', 'Lampe de bureau', 69.9),
    (25, 'Rug', 'Teppich', 'Tapis', 189), (26, 'Cushion', 'Kissen', 'Coussin', 24.9),
    -- Published from 2095 on, in no channel, published in an inactive channel only, with a fault.
    (27, 'Lounge chair', 'Loungesessel', null, 459), (28, 'Prototype', null, null, 1), (29, 'Stool, old model', 'Hocker', null, 39),
    (30, 'Folding chair', 'Klappstuhl', 'Chaise pliante', 34.9);

insert into saleor.product_product (id, name, slug, description_plaintext, metadata)
select ('00000000-0000-4000-8000-' || lpad(n.n::text, 12, '0'))::uuid, n.name,
       trim(both '-' from regexp_replace(lower(n.name), '[^a-z0-9]+', '-', 'g')), n.name || ' for rooms of every size.',
       case when n.n % 5 = 0 then '{"assembly": "required", "warranty": "5 years"}' else '{}' end::jsonb
from new_product as n;

insert into saleor.product_producttranslation (product_id, language_code, name, seo_title, seo_description)
select ('00000000-0000-4000-8000-' || lpad(n.n::text, 12, '0'))::uuid, t.language, t.name, t.name || ' | shop.example', null
from new_product as n cross join lateral (values ('de', n.german), ('fr', n.french)) as t(language, name)
where t.name is not null
order by n.n, t.language;

-- Most products are in all active channels. The United States do not have every third one.
insert into saleor.product_productchannellisting
    (product_id, channel_id, is_published, published_at, visible_in_listings, available_for_purchase_at, currency)
select ('00000000-0000-4000-8000-' || lpad(n.n::text, 12, '0'))::uuid, c.id, n.n <> 19 or c.id <> 2,
       case when n.n = 27 then timestamptz '2095-03-01 09:00:00+01' when n.n % 4 <> 0 then timestamptz '2024-02-01 09:00:00+01' end, n.n <> 26,
       case when n.n = 5 then timestamptz '2095-05-01 09:00:00+02' when n.n <> 22 then timestamptz '2024-02-01 09:00:00+01' end,
       case when n.n = 30 and c.id = 2 then 'EUR' else c.currency_code end
from new_product as n join saleor.channel_channel as c
    on case n.n when 28 then false when 29 then c.id = 4 else c.id < 3 or c.id = 3 and n.n % 3 <> 0 end
order by n.n, c.id;

-- Tables, beds and shelves are there in two woods, other products in one variant.
create temporary table new_variant as
select n.n as product, n.n * 10 + k.k as n, n.name || coalesce(', ' || k.wood, '') as name, n.price * k.factor as price
from new_product as n
cross join (values (1, 'oak', 1.0), (2, 'walnut', 1.25), (3, null, 1.0)) as k(k, wood, factor)
where (k.k < 3) = (n.n in (1, 2, 3, 4, 5, 13, 14, 15, 16, 17, 18, 19, 20));

insert into saleor.product_productvariant (id, product_id, name, sku, sort_order)
select ('00000000-0000-4000-9000-' || lpad(v.n::text, 12, '0'))::uuid, ('00000000-0000-4000-8000-' || lpad(v.product::text, 12, '0'))::uuid,
       v.name, 'FUR-' || lpad(v.n::text, 4, '0'), row_number() over (partition by v.product order by v.n) - 1
from new_variant as v;

insert into saleor.product_productvariantchannellisting (variant_id, channel_id, currency, price_amount, discounted_price_amount)
select ('00000000-0000-4000-9000-' || lpad(v.n::text, 12, '0'))::uuid, l.channel_id, l.currency, round(v.price * f.factor, 2),
       round(v.price * f.factor * case when v.product % 6 = 1 then 0.8 else 1 end, 2)
from new_variant as v
join saleor.product_productchannellisting as l on l.product_id = ('00000000-0000-4000-8000-' || lpad(v.product::text, 12, '0'))::uuid
join (values (1, 1.0), (2, 0.95), (3, 1.15), (4, 0.5)) as f(channel, factor) on f.channel = l.channel_id
where v.n <> 42 or l.channel_id <> 3
order by v.n, l.channel_id;

insert into saleor.attribute_assignedproductattributevalue (product_id, value_id, sort_order)
select ('00000000-0000-4000-8000-' || lpad(n.n::text, 12, '0'))::uuid, a.value, a.sort_order
from new_product as n
cross join lateral (values (1 + n.n % 4, 0), (1 + (n.n + 1) % 4, 1), (5 + n.n % 3, 0), (8 + n.n % 2, 0)) as a(value, sort_order)
order by n.n, a.value;

drop table new_variant, new_product;
