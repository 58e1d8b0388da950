package shop

import (
	"time"

	"github.com/gomodule/redigo/redis"
)

// Order is what somebody bought.
type Order struct {
	ID      int64
	State   string
	Ordered time.Time
	Lines   []Line
	Cents   int
}

// Buy turns a session's basket into an order for the worker.
func (s *Shop) Buy(session string) (id int64, err error) {
	lines, _, err := s.Basket(session)
	if err != nil || len(lines) == 0 {
		return 0, err
	}
	tx, err := s.db.Begin()
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	if err := tx.QueryRow("INSERT INTO purchase (session) VALUES ($1) RETURNING id", session).Scan(&id); err != nil {
		return 0, err
	}
	for _, l := range lines {
		if _, err := tx.Exec("INSERT INTO purchase_line (purchase, product, quantity, cents) VALUES ($1, $2, $3, $4)", id, l.Product.ID, l.Quantity, l.Product.Cents); err != nil {
			return 0, err
		}
		if _, err := tx.Exec("UPDATE product SET stock = greatest(stock - $2, 0) WHERE id = $1", l.Product.ID, l.Quantity); err != nil {
			return 0, err
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	if _, err := s.do("RPUSH", "orders", id); err != nil {
		return 0, err
	}
	_, err = s.do("DEL", "basket:"+session)
	return id, err
}

// Order is one of a session.
func (s *Shop) Order(session string, id int64) (o Order, err error) {
	err = s.db.QueryRow("SELECT id, state, ordered_at FROM purchase WHERE id = $1 AND session = $2", id, session).Scan(&o.ID, &o.State, &o.Ordered)
	if err != nil {
		return o, err
	}
	rows, err := s.db.Query("SELECT p.id, p.kind, p.material, p.name, l.cents, p.stock, l.quantity FROM purchase_line l JOIN product p ON p.id = l.product WHERE l.purchase = $1 ORDER BY p.id", id)
	if err != nil {
		return o, err
	}
	defer rows.Close()
	for rows.Next() {
		var l Line
		p := &l.Product
		if err := rows.Scan(&p.ID, &p.Kind, &p.Material, &p.Name, &p.Cents, &p.Stock, &l.Quantity); err != nil {
			return o, err
		}
		o.Lines = append(o.Lines, l)
		o.Cents += p.Cents * l.Quantity
	}
	return o, rows.Err()
}

// NextOrder waits for one to pack.
func (s *Shop) NextOrder() (int64, error) {
	c := s.redis.Get()
	defer c.Close()
	for {
		got, err := redis.Values(redis.DoWithTimeout(c, 30*time.Second, "BLPOP", "orders", 20))
		if err == redis.ErrNil {
			continue
		}
		if err != nil {
			return 0, err
		}
		return redis.Int64(got[1], nil)
	}
}

// Advance brings an order to its next state.
func (s *Shop) Advance(id int64, state string) error {
	_, err := s.db.Exec("UPDATE purchase SET state = $2, shipped_at = CASE WHEN $2 = 'shipped' THEN now() END WHERE id = $1", id, state)
	return err
}
