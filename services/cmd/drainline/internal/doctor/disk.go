package doctor

import (
	"fmt"
	"time"

	"github.com/drainline/drainline/config"
	"github.com/drainline/drainline/services/internal/checkup"
	"github.com/drainline/drainline/services/internal/display"
	"github.com/drainline/drainline/services/internal/natsd"
	"github.com/drainline/drainline/services/internal/topology"
)

const (
	// slowSync is a disk that holds up senders: a block waits for two writes a hop.
	slowSync = 20 * time.Millisecond
)

// disks are those that Drainline itself writes to.
func disks(c *config.Config) []Section {
	var sections []Section
	if c.Bus.URL == "" {
		e := c.Bus.Embedded
		sections = append(sections, disk(e.Dir, "bus.embedded", int64(e.MaxBytes), func(room int64) int64 { return wanted(c, room) }))
	}
	if s := c.Ingest.Spool; s.Dir != "" {
		sections = append(sections, disk(s.Dir, "ingest.spool", int64(s.MaxBytes), func(int64) int64 { return int64(s.MaxBytes) }))
	}
	return sections
}

// wanted is what the streams are to hold together when there is so much room, in bytes.
// Streams that no configuration sizes share the room.
func wanted(c *config.Config, room int64) int64 {
	sum := int64(0)
	for _, s := range topology.New(c, room).Streams {
		sum += s.Config.MaxBytes
	}
	return sum
}

// overhang is what streams may be larger than the room, in percent: those of drains with
// joined lines are beside the others, and all are seldom full at once.
const overhang = 25

func disk(dir, key string, bound int64, wanted func(room int64) int64) Section {
	s := Section{What: fmt.Sprintf("disk of %s (%s.dir)", dir, key)}
	room, err := natsd.RoomOf(dir, key+".dir", bound)
	switch move := fmt.Sprintf("free some space, or set %s.dir to a larger disk", key); {
	case err != nil:
		s.Findings = append(s.Findings, failed("space", err.Error(), fmt.Sprintf("set %s.dir to a directory that this user may use", key)))
		return s
	case room.Free < room.Floor:
		s.Findings = append(s.Findings, failed("space",
			fmt.Sprintf("%s are free, and nothing is taken in below %s", display.Bytes(room.Free), display.Bytes(room.Floor)), move))
	case wanted(room.Capacity)/(100+overhang) > room.Capacity/100:
		s.Findings = append(s.Findings, warning("space",
			fmt.Sprintf("%s may be used, and the streams are to hold %s", display.Bytes(room.Capacity), display.Bytes(wanted(room.Capacity))),
			move+", or lower the max_bytes of streams"))
	default:
		s.Findings = append(s.Findings, good("space", fmt.Sprintf("%s of %s are free, the streams may hold %s",
			display.Bytes(room.Free), display.Bytes(room.Total), display.Bytes(room.Capacity))))
	}
	took, err := natsd.SyncTime(dir)
	var f checkup.Finding
	switch found := fmt.Sprintf("a small write is safe after %v (median)", took.Round(10*time.Microsecond)); {
	case err != nil:
		f = failed("fsync", err.Error(), fmt.Sprintf("let this user write there, or set %s.dir to where it may", key))
	case took > slowSync:
		f = warning("fsync", found, fmt.Sprintf("set %s.dir to a faster disk, such as a local SSD: each block waits for it", key))
	default:
		f = good("fsync", found)
	}
	s.Findings = append(s.Findings, f)
	return s
}
