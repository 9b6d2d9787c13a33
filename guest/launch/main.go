// Command launch gives pyro's command line to a process that has it loaded already, or else starts one.
package main

import (
	"os"

	"pyro.dev/guest/internal/launch"
)

func main() {
	os.Exit(launch.Run(os.Args[1:]))
}
