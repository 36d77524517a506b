-- 30 products of a shop for clothing. An id is a prefix and 26 characters: the 1st product is prod_01JS0000000000000000000001.
-- Dates lie far in the past or far in the future, so that the data does not depend on the day.
create temporary table new_product (n integer, title text, kind text, price numeric);
insert into new_product values
    (1, 'T-shirt, cotton', 'top', 19.9), (2, 'T-shirt, striped', 'top', 24.9), (3, 'Polo shirt', 'top', 39.9), (4, 'Linen shirt', 'top', 59),
    (5, 'Oxford shirt', 'top', 64.5), (6, 'Blouse, viscose', 'top', 54.9), (7, 'Sweatshirt', 'top', 49.9), (8, 'Hoodie', 'top', 59.9),
    (9, 'Pullover, lambswool', 'top', 89), (10, 'Cardigan, merino', 'top', 99), (11, 'Jeans, straight', 'bottom', 79.9),
    (12, 'Jeans, slim', 'bottom', 79.9), (13, 'Chinos', 'bottom', 64.9), (14, 'Shorts, linen', 'bottom', 44.9),
    (15, 'Skirt, denim', 'bottom', 49.9), (16, 'Trousers, wool', 'bottom', 119), (17, 'Leggings', 'bottom', 24.9),
    (18, 'Raincoat', 'top', 129), (19, 'Denim jacket', 'top', 99.9), (20, 'Wool coat', 'top', 249), (21, 'Scarf', 'one', 29.9),
    (22, 'Beanie', 'one', 19.9), (23, 'Leather belt', 'one', 39.9), (24, 'Gloves', 'one', 34.9), (25, 'Socks, 3 pairs', 'one', 14.9),
    (26, 'Tote bag', 'one', 12.5),
    -- Draft, deleted, only a price in US dollars, without a price.
    (27, 'Down jacket', 'top', 199), (28, 'Straw hat', 'one', 27.9), (29, 'Bucket hat', 'one', 22.9), (30, 'Umbrella', 'one', 25.9);

insert into medusa.product (id, title, handle, subtitle, description, status, thumbnail, deleted_at)
select 'prod_01JS' || lpad(n.n::text, 22, '0'), n.title, regexp_replace(lower(n.title), '[^a-z0-9]+', '-', 'g'),
       case when n.price >= 90 then 'Made to last' end, n.title || ' of the basic collection.',
       case when n.n = 27 then 'draft' else 'published' end,
       'https://images.shop.example/' || regexp_replace(lower(n.title), '[^a-z0-9]+', '-', 'g') || '.webp',
       case when n.n = 28 then timestamptz '2024-09-30 12:00:00+00' end
from new_product as n;

insert into medusa.product_option (id, title) values ('opt_01JS0000000000000000000001', 'Size'), ('opt_01JS0000000000000000000002', 'Colour');

insert into medusa.product_option_value (id, value, option_id)
select 'optval_01JS' || lpad(v.n::text, 22, '0'), v.value, 'opt_01JS' || lpad(v.option::text, 22, '0')
from (values (1, 'S', 1), (2, 'M', 1), (3, 'L', 1), (4, 'Black', 2), (5, 'White', 2)) as v(n, value, option);

-- Tops have three sizes in two colours, bottoms have three sizes, other products have two colours.
create temporary table new_variant as
select row_number() over (order by n.n, s.rank, c.rank) as n, n.n as product, n.price, s.value as size, s.id as size_id, c.value as colour,
       c.id as colour_id, row_number() over (partition by n.n order by s.rank, c.rank) - 1 as rank
from new_product as n
cross join (values (0, null, null), (1, 'S', 1), (2, 'M', 2), (3, 'L', 3)) as s(rank, value, id)
cross join (values (0, null, null), (1, 'Black', 4), (2, 'White', 5)) as c(rank, value, id)
where (s.rank > 0) = (n.kind in ('top', 'bottom')) and (c.rank > 0) = (n.kind in ('top', 'one'));

insert into medusa.product_variant (id, title, sku, variant_rank, product_id)
select 'variant_01JS' || lpad(v.n::text, 22, '0'), concat_ws(' / ', v.size, v.colour),
       'CLO-' || lpad(v.product::text, 3, '0') || coalesce('-' || v.size, '') || coalesce('-' || upper(left(v.colour, 3)), ''), v.rank,
       'prod_01JS' || lpad(v.product::text, 22, '0')
from new_variant as v;

insert into medusa.product_variant_option (variant_id, option_value_id)
select 'variant_01JS' || lpad(v.n::text, 22, '0'), 'optval_01JS' || lpad(o.id::text, 22, '0')
from new_variant as v cross join lateral (values (v.size_id), (v.colour_id)) as o(id)
where o.id is not null;

insert into medusa.product_tags (product_id, product_tag_id)
select 'prod_01JS' || lpad(n.n::text, 22, '0'), 'ptag_01JS' || lpad(t.n::text, 22, '0')
from new_product as n cross join generate_series(1, 4) as t(n)
where n.n % (t.n + 1) = 0;

insert into medusa.product_variant_price_set (id, variant_id, price_set_id)
select 'pvps_01JS' || lpad(v.n::text, 22, '0'), 'variant_01JS' || lpad(v.n::text, 22, '0'), 'pset_01JS' || lpad(v.n::text, 22, '0')
from new_variant as v;

insert into medusa.price_list (id, title, status, type, starts_at, ends_at) values
    ('plist_01JS0000000000000000000001', 'Summer sale 2024', 'active', 'sale', '2024-07-01 00:00:00+02', '2024-08-01 00:00:00+02'),
    ('plist_01JS0000000000000000000002', 'Summer sale 2095', 'active', 'sale', '2095-07-01 00:00:00+02', '2095-08-01 00:00:00+02'),
    ('plist_01JS0000000000000000000003', 'Basics for less', 'active', 'sale', null, null),
    ('plist_01JS0000000000000000000004', 'Prices until 2099', 'active', 'override', '2025-01-01 00:00:00+01', '2099-01-01 00:00:00+01'),
    ('plist_01JS0000000000000000000005', 'Draft of a sale', 'draft', 'sale', '2096-01-01 00:00:00+01', null);

-- Three currencies, then the price lists. List 1 is for jeans and trousers, 2 for jeans, trousers, coats and scarves, 3 for T-shirts
-- and scarves, 4 for hoodies, 5 for shirts.
insert into medusa.price (id, price_set_id, currency_code, amount, min_quantity, price_list_id)
select 'price_01JS' || lpad(row_number() over (order by x.list nulls first, v.n, x.currency, x.min_quantity nulls first)::text, 22, '0'),
       'pset_01JS' || lpad(v.n::text, 22, '0'), x.currency, round(v.price * x.factor, 2), x.min_quantity,
       'plist_01JS' || lpad(x.list::text, 22, '0')
from new_variant as v
join (values
    (1, 30, 'eur', 1.0, null, null), (1, 30, 'usd', 1.1, null, null), (1, 30, 'chf', 0.95, null, null), (25, 25, 'eur', 0.9, 10, null),
    (11, 16, 'eur', 0.8, null, 1), (11, 16, 'eur', 0.7, null, 2), (20, 21, 'eur', 0.7, null, 2), (20, 21, 'usd', 0.8, null, 2),
    (1, 2, 'eur', 0.85, null, 3), (1, 2, 'usd', 0.95, null, 3), (21, 21, 'eur', 0.85, null, 3), (8, 8, 'chf', 1.2, null, 4), (3, 5, 'eur', 0.5, null, 5))
    as x(first, last, currency, factor, min_quantity, list) on v.product between x.first and x.last
where v.product <> 30 and (v.product <> 29 or x.currency = 'usd');

drop table new_variant, new_product;
