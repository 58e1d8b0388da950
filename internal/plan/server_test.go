package plan

import (
	"reflect"
	"testing"

	"offshoot/internal/staging"
)

// TestAServerIsAnotherOneWhereItIsToRunOtherwise holds what restarts a data
// server. The name itself is in ledgers: it must not change by an upgrade.
func TestAServerIsAnotherOneWhereItIsToRunOtherwise(t *testing.T) {
	dep := &staging.Deployment{Environment: "env_a"}
	declared := staging.Datastore{Name: "db", Kind: "postgres", Image: "postgres:15", Version: "15", User: "app", Password: "secret", Database: "app", Port: 5432,
		Args: []string{"-c", "work_mem=8MB"}, Limits: staging.Limits{CPUs: 1, Memory: 1 << 30, PIDs: 100}, File: "compose.yaml", Line: 3}
	name := server(dep, declared).name
	if want := "env_a/workload/data.db.0.1b46fc12"; name != want {
		t.Errorf("it is called %s, in ledgers %s: every server would restart", name, want)
	}
	restarts := map[string]bool{"Name": true, "Kind": true, "Image": true, "Version": true, "User": true, "Password": true, "Database": true, "Args": true, "Limits": true}
	fields := reflect.TypeFor[staging.Datastore]()
	for i := range fields.NumField() {
		changed := declared
		switch v := reflect.ValueOf(&changed).Elem().Field(i); v.Kind() {
		case reflect.String:
			v.SetString("other")
		case reflect.Int:
			v.SetInt(7)
		case reflect.Slice:
			v.Set(reflect.ValueOf([]string{"other"}))
		case reflect.Struct:
			v.Set(reflect.ValueOf(staging.Limits{CPUs: 2, Memory: 1 << 30, PIDs: 100}))
		default:
			t.Fatalf("a field of a kind that is not known here: %s", fields.Field(i).Name)
		}
		field := fields.Field(i).Name
		if got := server(dep, changed).name != name; got != restarts[field] {
			t.Errorf("a change of %s makes it another server: %t", field, got)
		}
	}
}
