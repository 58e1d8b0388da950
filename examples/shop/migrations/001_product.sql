CREATE TABLE product (id serial PRIMARY KEY, name text NOT NULL, cents int NOT NULL, stock int NOT NULL DEFAULT 10);
CREATE TABLE job (id bigserial PRIMARY KEY, product int NOT NULL REFERENCES product, packed_at timestamptz);
