create table if not exists product (id int primary key, name text);
