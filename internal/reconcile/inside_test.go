package reconcile_test

import (
	"testing"

	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
)

// TestAnImageIsBuiltOnce runs what one service builds in another.
func TestAnImageIsBuiltOnce(t *testing.T) {
	web := &staging.ImageBuild{Name: "web", Context: "."}
	list := reconcile.ImagesOf(&staging.Stack{
		Services: []staging.Service{{Name: "web", ImageBuild: web}, {Name: "worker", ImageBuild: web}, {Name: "nginx", Image: "nginx"}},
		OneShots: []staging.Service{{Name: "migrate", ImageBuild: &staging.ImageBuild{Name: "migrate", Context: "."}}},
	})
	if len(list) != 2 || list[0].Name != "web" || list[1].Name != "migrate" {
		t.Errorf("%+v", list)
	}
}
