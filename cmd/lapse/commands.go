package main

import "github.com/lapse-test/lapse/cmd/lapse/internal/cli"

// app holds the commands: each is a method that makes one, in the file of its name.
type app struct{ *cli.App }
