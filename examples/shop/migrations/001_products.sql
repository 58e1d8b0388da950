CREATE TABLE product (
  id       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind     text NOT NULL,
  material text NOT NULL,
  name     text NOT NULL,
  cents    int  NOT NULL CHECK (cents > 0),
  stock    int  NOT NULL CHECK (stock >= 0)
);
CREATE INDEX product_kind ON product (kind, id);
