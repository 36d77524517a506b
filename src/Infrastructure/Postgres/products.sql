-- The built-in table as a mapping: what readers get of a row, and why a row cannot be served. Its triggers draw the versions.
-- The constraints of the table hold the rules too, unless they were dropped.
--
-- id: bigint
-- list: select p.id, p.name as search from public.products as p
select p.id, p.version,
       case when p.attributes is null
         then json_build_object('id', p.id, 'name', p.name, 'price', round(p.price, 2), 'description', p.description)
         else json_build_object('id', p.id, 'name', p.name, 'price', round(p.price, 2), 'description', p.description, 'attributes', p.attributes)
       end as body,
       case
         when coalesce(char_length(p.name) not between 1 and 200 or p.name ~ '[\u0001-\u001f\u007f-\u009f]', true)
           then 'The name is null, empty, longer than 200 characters, or has control characters.'
         when coalesce(p.price not between 0 and 9999999999.99 or p.price <> round(p.price, 2), true)
           then 'The price is null, negative, not below 10000000000, or has more than 2 decimals.'
         when coalesce(char_length(p.description) > 10000, true)
           then 'The description is null, or longer than 10000 characters.'
         when jsonb_typeof(p.attributes) <> 'object'
           then 'The attributes are not a JSON object.'
         when p.version not between 1 and 4503599627370495
           then 'The row has no version.'
       end as fault
from public.products as p
where p.id = any(@ids)
