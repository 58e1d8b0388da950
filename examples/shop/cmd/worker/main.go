// Command worker packs and ships what was ordered.
package main

import (
	"log"
	"time"

	"shop/internal/shop"
)

// handling is how long an order lies on the table before it is packed, and
// again before it leaves.
const handling = 1500 * time.Millisecond

func main() {
	s, err := shop.Open()
	if err != nil {
		log.Fatal(err)
	}
	log.Print("waiting for orders")
	for {
		id, err := s.NextOrder()
		if err != nil {
			log.Fatal(err)
		}
		for _, state := range []string{"packed", "shipped"} {
			time.Sleep(handling)
			if err := s.Advance(id, state); err != nil {
				log.Fatal(err)
			}
			log.Printf("order %d is %s", id, state)
		}
	}
}
