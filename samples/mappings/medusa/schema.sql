-- Tables of a shop as Medusa 2 has them: text ids with a prefix, soft deletion by deleted_at, partial indexes on rows that are not
-- deleted, prices in price sets and price lists. Only the columns that the mapping reads.
create schema medusa;

create table medusa.product (
    id text primary key,
    title text not null,
    handle text not null,
    subtitle text,
    description text,
    status text not null default 'draft' check (status in ('draft', 'proposed', 'published', 'rejected')),
    thumbnail text,
    deleted_at timestamptz
);
create unique index "IDX_product_handle_unique" on medusa.product (handle) where deleted_at is null;

create table medusa.product_variant (
    id text primary key,
    title text not null,
    sku text,
    barcode text,
    variant_rank integer default 0,
    product_id text references medusa.product on delete cascade,
    deleted_at timestamptz
);
create unique index "IDX_product_variant_sku_unique" on medusa.product_variant (sku) where deleted_at is null;
create index "IDX_product_variant_product_id" on medusa.product_variant (product_id) where deleted_at is null;

create table medusa.product_option (
    id text primary key,
    title text not null,
    deleted_at timestamptz
);

create table medusa.product_option_value (
    id text primary key,
    value text not null,
    option_id text references medusa.product_option on delete cascade,
    deleted_at timestamptz
);
create unique index "IDX_option_value_option_id_unique" on medusa.product_option_value (option_id, value) where deleted_at is null;

create table medusa.product_variant_option (
    variant_id text not null references medusa.product_variant on delete cascade,
    option_value_id text not null references medusa.product_option_value on delete cascade,
    primary key (variant_id, option_value_id)
);
-- Not in Medusa. The fan-out of product_option_value and product_option needs it.
create index product_variant_option_option_value_id on medusa.product_variant_option (option_value_id);

-- Which tags a product has. The table product_tag with their texts is not part of the sample.
create table medusa.product_tags (
    product_id text not null references medusa.product on delete cascade,
    product_tag_id text not null,
    primary key (product_id, product_tag_id)
);

create table medusa.product_variant_price_set (
    id varchar(255) not null,
    variant_id varchar(255) not null,
    price_set_id varchar(255) not null,
    deleted_at timestamptz,
    primary key (variant_id, price_set_id)
);
create index "IDX_product_variant_price_set_price_set_id" on medusa.product_variant_price_set (price_set_id);

create table medusa.price_list (
    id text primary key,
    title text not null,
    status text not null default 'draft' check (status in ('active', 'draft')),
    type text not null default 'sale' check (type in ('sale', 'override')),
    starts_at timestamptz,
    ends_at timestamptz,
    rules_count integer default 0,
    deleted_at timestamptz
);

create table medusa.price (
    id text primary key,
    price_set_id text not null,
    currency_code text not null,
    amount numeric not null,
    min_quantity numeric,
    max_quantity numeric,
    rules_count integer default 0,
    -- null: a price that does not belong to a price list.
    price_list_id text references medusa.price_list on delete cascade,
    deleted_at timestamptz
);
create index "IDX_price_price_set_id" on medusa.price (price_set_id) where deleted_at is null;
create index "IDX_price_price_list_id" on medusa.price (price_list_id) where deleted_at is null;
