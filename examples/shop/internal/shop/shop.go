// Package shop is the assortment and the orders, in Postgres, and what people
// have in their baskets and what is to be packed, in Redis.
package shop

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
	_ "github.com/lib/pq"
)

// Shop is safe for concurrent use.
type Shop struct {
	db    *sql.DB
	redis *redis.Pool
}

// Open uses DATABASE_URL and REDIS_URL.
func Open() (*Shop, error) {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	pool := &redis.Pool{MaxIdle: 4, IdleTimeout: time.Minute, Dial: func() (redis.Conn, error) { return redis.DialURL(os.Getenv("REDIS_URL")) }}
	return &Shop{db: db, redis: pool}, nil
}

// Ping is whether both answer.
func (s *Shop) Ping() error {
	if err := s.db.Ping(); err != nil {
		return err
	}
	_, err := s.do("PING")
	return err
}

func (s *Shop) do(command string, args ...any) (any, error) {
	c := s.redis.Get()
	defer c.Close()
	return c.Do(command, args...)
}

// Product is one thing that is sold.
type Product struct {
	ID             int
	Kind, Material string
	Name           string
	Cents, Stock   int
}

// Price is a sum as people read it.
func Price(cents int) string { return fmt.Sprintf("€ %d.%02d", cents/100, cents%100) }

const columns = "id, kind, material, name, cents, stock"

func scan(row interface{ Scan(...any) error }) (p Product, err error) {
	return p, row.Scan(&p.ID, &p.Kind, &p.Material, &p.Name, &p.Cents, &p.Stock)
}

// Page is a page of a kind's products, of all for "", and how many there are.
func (s *Shop) Page(kind string, page, size int) (list []Product, total int, err error) {
	if err := s.db.QueryRow("SELECT count(*) FROM product WHERE $1 IN ('', kind)", kind).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := s.db.Query("SELECT "+columns+" FROM product WHERE $1 IN ('', kind) ORDER BY id LIMIT $2 OFFSET $3", kind, size, (page-1)*size)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		p, err := scan(rows)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, p)
	}
	return list, total, rows.Err()
}

// Product is the one of that number.
func (s *Shop) Product(id int) (Product, error) {
	return scan(s.db.QueryRow("SELECT "+columns+" FROM product WHERE id = $1", id))
}

// basketKept is how long a basket waits for its owner.
const basketKept = 30 * 24 * time.Hour

// Put adds to a session's basket, or takes away.
func (s *Shop) Put(session string, product, quantity int) error {
	key := "basket:" + session
	left, err := redis.Int(s.do("HINCRBY", key, product, quantity))
	if err == nil && left <= 0 {
		_, err = s.do("HDEL", key, product)
	}
	if err == nil {
		_, err = s.do("EXPIRE", key, int(basketKept.Seconds()))
	}
	return err
}

// Line is some of one product.
type Line struct {
	Product  Product
	Quantity int
}

// Basket is what a session has in it.
func (s *Shop) Basket(session string) (lines []Line, cents int, err error) {
	held, err := redis.IntMap(s.do("HGETALL", "basket:"+session))
	if err != nil {
		return nil, 0, err
	}
	for id, quantity := range held {
		n, _ := strconv.Atoi(id)
		p, err := s.Product(n)
		if err == sql.ErrNoRows {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		lines = append(lines, Line{p, quantity})
		cents += p.Cents * quantity
	}
	slices.SortFunc(lines, func(a, b Line) int { return a.Product.ID - b.Product.ID })
	return lines, cents, nil
}

// Count is how many things a session's basket holds.
func (s *Shop) Count(session string) (n int) {
	held, _ := redis.Ints(s.do("HVALS", "basket:"+session))
	for _, quantity := range held {
		n += quantity
	}
	return n
}
