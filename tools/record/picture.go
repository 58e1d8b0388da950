package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
)

// gap is between the two sites, in pixels.
const gap = 24

// picture shows the sites side by side. Without Chromium it leaves the picture
// that is there.
func picture(ctx context.Context, sites []string, path string) error {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, "chromium is not here:", path, "stays as it is")
		return nil
	}
	if len(sites) != 2 {
		return fmt.Errorf("the demo shows %d sites", len(sites))
	}
	dir, err := os.MkdirTemp("", "offshoot-record-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var shots []image.Image
	for i, site := range sites {
		file := filepath.Join(dir, fmt.Sprint(i, ".png"))
		cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-device-scale-factor=0.6", "--window-size=1240,1180",
			"--user-data-dir="+filepath.Join(dir, fmt.Sprint("profile", i)), "--screenshot="+file, site)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("chromium: %w: %s", err, out)
		}
		shot, err := read(file)
		if err != nil {
			return err
		}
		shots = append(shots, shot)
	}
	a, b := shots[0].Bounds(), shots[1].Bounds()
	both := image.NewRGBA(image.Rect(0, 0, a.Dx()+gap+b.Dx(), max(a.Dy(), b.Dy())))
	draw.Draw(both, both.Bounds(), image.NewUniform(color.Transparent), image.Point{}, draw.Src)
	draw.Draw(both, a, shots[0], a.Min, draw.Src)
	draw.Draw(both, b.Add(image.Pt(a.Dx()+gap, 0)), shots[1], b.Min, draw.Src)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, both), f.Close())
}

func read(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return png.Decode(f)
}
