package filewatch_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"offshoot/internal/filewatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 30 * time.Second

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func told(t *testing.T, some <-chan struct{}) {
	t.Helper()
	select {
	case <-some:
	case <-time.After(limit):
		t.Fatal("nothing was told")
	}
}

func TestEachHearsOfItsOwnFolders(t *testing.T) {
	var w filewatch.Watcher
	one, two := t.TempDir(), t.TempDir()
	changes := make(chan filewatch.Change, 100)
	a, err := w.Listen(func(c filewatch.Change) { changes <- c })
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, some, err := w.Signal()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := errors.Join(a.Add(one), b.Add(two)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(one, "x"))
	if c := <-changes; c.Path != filepath.Join(one, "x") || !c.Created || c.Lost {
		t.Errorf("%+v", c)
	}
	write(t, filepath.Join(two, "y"))
	told(t, some)
	select {
	case <-some:
		told(t, some) // at most one more: the write that followed the creation
	default:
	}
	// One goes, the other hears on.
	b.Close()
	b.Close()
	write(t, filepath.Join(one, "z"))
	for c := range changes {
		if c.Path == filepath.Join(one, "z") {
			break
		}
		if filepath.Dir(c.Path) != one {
			t.Errorf("%+v", c)
		}
	}
}

// A folder that is made anew under its name is listened to as it is now, though
// the end of the one before is still being told.
func TestAFolderThatComesBack(t *testing.T) {
	var w filewatch.Watcher
	dir := filepath.Join(t.TempDir(), "a")
	l, some, err := w.Signal()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Add(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for range 200 {
		if err := errors.Join(os.Mkdir(dir, 0o700), l.Add(dir)); err != nil {
			t.Fatal(err)
		}
		for len(some) > 0 {
			<-some
		}
		write(t, filepath.Join(dir, "x"))
		told(t, some)
		l.Drop(dir)
		if err := errors.Join(os.Rename(dir, dir+".gone"), os.RemoveAll(dir+".gone")); err != nil {
			t.Fatal(err)
		}
	}
}

// Folders that are moved and removed while they are watched make the queue
// report errors; whoever adds and listens meanwhile is not held up by them.
func TestErrorsHoldUpNobody(t *testing.T) {
	var w filewatch.Watcher
	top := t.TempDir()
	l, some, err := w.Signal()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for n := range 500 {
					dir := filepath.Join(top, strconv.Itoa(i)+"-"+strconv.Itoa(n))
					if err := os.Mkdir(dir, 0o700); err != nil {
						t.Error(err)
					}
					if err := l.Add(dir); err != nil {
						t.Error(err)
					}
					_ = os.Rename(dir, dir+".gone")
					_ = os.Remove(dir + ".gone")
				}
			})
		}
		all.Wait()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatal("whoever adds folders is held up")
	}
	if err := l.Add(top); err != nil {
		t.Fatal(err)
	}
	for len(some) > 0 {
		<-some
	}
	write(t, filepath.Join(top, "after"))
	told(t, some)
}

// Listeners may change what they listen to when they are told.
func TestAListenerMayAddWhenItIsTold(t *testing.T) {
	var w filewatch.Watcher
	top := t.TempDir()
	end := make(chan struct{})
	var l *filewatch.Listener
	var mu sync.Mutex
	mu.Lock()
	l, err := w.Listen(func(c filewatch.Change) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case c.Created && filepath.Base(c.Path) == "sub":
			if err := l.Add(c.Path); err != nil {
				t.Error(err)
			}
			write(t, filepath.Join(c.Path, "x"))
		case c.Created && filepath.Base(c.Path) == "x":
			l.Close()
			close(end)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Unlock()
	if err := l.Add(top); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(top, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	select {
	case <-end:
	case <-time.After(limit):
		t.Fatal("what was added is not listened to")
	}
}
