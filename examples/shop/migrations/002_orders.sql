CREATE TABLE purchase (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  session    text NOT NULL,
  state      text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'packed', 'shipped')),
  ordered_at timestamptz NOT NULL DEFAULT now(),
  shipped_at timestamptz
);
CREATE INDEX purchase_session ON purchase (session, id);

CREATE TABLE purchase_line (
  purchase bigint NOT NULL REFERENCES purchase ON DELETE CASCADE,
  product  int    NOT NULL REFERENCES product,
  quantity int    NOT NULL CHECK (quantity > 0),
  cents    int    NOT NULL,
  PRIMARY KEY (purchase, product)
);
