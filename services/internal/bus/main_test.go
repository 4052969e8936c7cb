package bus

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes the test binary one of the processes that a test kills.
const childEnv = "BUS_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		// Most tests wait for a server's timers, not for a processor.
		flag.Parse()
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
		goleak.VerifyTestMain(m)
	case "append":
		appendForever()
	case "consume":
		consumeUntilPoisoned()
	}
}
