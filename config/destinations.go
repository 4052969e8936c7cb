package config

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// RequireDestination returns an error that says what to set when there is no
// destination. Which services need one is theirs to know.
func (c *Config) RequireDestination() error {
	if len(c.Destinations) > 0 {
		return nil
	}
	return errors.New("there is no destination: set SPLUNK_HEC_URL and SPLUNK_HEC_TOKEN, " +
		"or name one under destinations in a configuration file")
}

// checkDestinations holds the destinations to the rules that concern more than one key.
func (d *draft) checkDestinations() {
	for _, path := range d.paths(destination) {
		d.checkRetry(path + ".retry")
		d.checkFallback(path)
	}
}

func (d *draft) checkRetry(retry string) {
	initial, okInitial := d.koanf.Get(retry + ".initial").(time.Duration)
	longest, okLongest := d.koanf.Get(retry + ".max").(time.Duration)
	if okInitial && okLongest && longest < initial {
		d.add(Problem{
			Path: retry + ".max", Value: formatDuration(longest),
			Rule: "must not be below retry.initial, which is " + formatDuration(initial),
			File: cmp.Or(d.from[retry+".max"], d.from[retry+".initial"]),
		})
	}
}

// checkFallback wants an index for the events that go to one, and one that exists.
func (d *draft) checkFallback(path string) {
	key := path + ".fallback_index"
	index, _ := d.koanf.Get(key).(string)
	indexes, _ := d.koanf.Get(path + ".indexes").([]string)
	falls := d.koanf.Get(path+".on_unknown_index") == IndexFallback
	switch {
	case d.isWrong(path + ".on_unknown_index"): // who knows what was meant
	case falls && !d.filled(key):
		d.add(Problem{
			Path: key, Rule: "is missing: `on_unknown_index: fallback` sends events there", File: d.from[path+".on_unknown_index"],
		})
	case index != "" && !falls:
		d.add(Problem{Path: key, Value: index, Rule: "needs `on_unknown_index: fallback`", File: d.from[key]})
	case index != "" && len(indexes) > 0 && !slices.Contains(indexes, index):
		d.add(Problem{Path: key, Value: index, Rule: "must be one of indexes", File: d.from[key]})
	}
}
