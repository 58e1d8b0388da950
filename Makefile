# Everything a person types here; `make help` lists it.

GO ?= go
export CGO_ENABLED ?= 0

.PHONY: shim cross help build image dev demo recording test vet lint generate verify bench

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

SHIM := internal/platform/process/embedded

shim: # the small program that is PID 1 of each workload; it goes into the big one
	$(GO) build -trimpath -ldflags '-s -w' -o $(SHIM)/shim ./internal/platform/process/shim/program
	GOOS= GOARCH= $(GO) run ./internal/platform/process/shim/program > $(SHIM)/source

build: shim ## the program, as bin/offshoot
	$(GO) build -trimpath -o bin/offshoot ./cmd/offshoot

demo: build ## a server with an example project, until Ctrl-C; ONCE=1 checks it and ends
	bin/offshoot demo $(if $(ONCE),--once)

IMAGE ?= offshoot:latest

image: build ## an image with the program, for image/compose.yaml; IMAGE names it, BASE what it begins with
	docker build --file image/Dockerfile --tag $(IMAGE) $(if $(BASE),--build-arg BASE=$(BASE)) $(IMAGE_FLAGS) bin

DEV ?= bin/dev

dev: build ## a server of this code on bin/dev: what runs there goes on when it ends, and is found again
	bin/offshoot server --data-dir $(DEV) --listen 127.0.0.1:7070 --edge-listen 127.0.0.1:8080

recording: build ## the pictures of the README, made from the running demo
	$(GO) run ./tools/record

vet: ## what the compiler does not find
	$(GO) vet ./...

# Built once, in some minutes; after that a run takes seconds. The module of the
# tool is its own: nothing of it comes into the program's.
LINTER := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

lint: shim ## the rules of the house that a program can hold
	$(GO) run $(LINTER) run ./...

# The race detector needs a C compiler; without one the tests run without it.
CC_HERE := $(shell command -v cc || command -v gcc || command -v clang)

test: shim vet ## the tests; sets up what is missing
	$(GO) mod download
	$(if $(CC_HERE),CGO_ENABLED=1) $(GO) test $(if $(CC_HERE),-race) -p 2 -timeout 60m ./...

generate: ## what is written by programs: the store's statements, the API's document, docs/compose.md
	$(GO) run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate
	$(GO) test ./internal/api -run TestTheDocumentIsTheCode -update
	$(GO) test ./internal/manifest -run TestDocumentation -update

# What another system's compiler says; nothing of it is run.
cross: shim
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=linux GOARCH=arm64 $(GO) vet ./...

verify: generate cross ## fails where generated files differ from what is committed, or another system's build breaks
	git diff --exit-code -- internal/store/statement docs/openapi.json docs/compose.md

bench: build ## the figures people wait for, beside a peer: a table and bench.json
	$(GO) build -o bin/bench ./bench
	bin/bench $(BENCH)
