// Command worker packs what was ordered.
package main

import (
	"database/sql"
	"log"
	"os"

	"github.com/gomodule/redigo/redis"
	_ "github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	c, err := redis.DialURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	log.Print("waiting for orders")
	for {
		job, err := redis.Strings(c.Do("BLPOP", "jobs", 0))
		if err != nil {
			log.Fatal(err)
		}
		if _, err := db.Exec("UPDATE job SET packed_at = now() WHERE id = $1", job[1]); err != nil {
			log.Fatal(err)
		}
		log.Print("packed order ", job[1])
	}
}
