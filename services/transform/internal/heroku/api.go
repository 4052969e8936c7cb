package heroku

import (
	"strings"

	"github.com/drainline/drainline/services/transform/internal/fields"
)

// parseAPI takes the fields of what the platform's API did, and for whom.
func parseAPI(dst *fields.List, text string) {
	what, user := cutUser(text)
	word, rest, _ := strings.Cut(what, " ")
	switch word {
	case "Build":
		parseBuild(dst, rest)
	case "Deploy":
		addEvent(dst, "deploy")
		addText(dst, "commit", rest)
	case "Release", "Initial", "Running", "Rollback":
		parseRelease(dst, word, rest)
	case "Set":
		parseConfig(dst, "config_set", rest)
	case "Remove":
		parseConfig(dst, "config_removed", rest)
	case "Scaled", "Scale":
		if formation, ok := strings.CutPrefix(rest, "to "); ok {
			addEvent(dst, "scaled")
			addText(dst, "formation", formation)
		}
	case "Attach":
		parseAttachment(dst, "attached", rest)
	case "Detach":
		parseAttachment(dst, "detached", rest)
	case "Enable":
		if rest == "Logplex" {
			addEvent(dst, "enabled_logplex")
		}
	case "Starting":
		parseStarting(dst, rest)
	default:
		parseProvisioned(dst, word, rest)
	}
	addText(dst, "user", user)
}

// cutUser cuts " by user somebody@example.com" off, or without "user" as it once was.
func cutUser(text string) (what, user string) {
	i := strings.LastIndex(text, " by ")
	if i < 0 {
		return text, ""
	}
	user = strings.TrimPrefix(text[i+len(" by "):], "user ")
	if user == "" || strings.IndexByte(user, ' ') >= 0 {
		return text, ""
	}
	return text[:i], user
}

// parseBuild takes "started", "succeeded", "failed -- check your build output: …".
func parseBuild(dst *fields.List, text string) {
	word, detail, _ := strings.Cut(text, " -- ")
	switch word {
	case "started":
		addEvent(dst, "build_started")
	case "succeeded":
		addEvent(dst, "build_succeeded")
	case "failed":
		addEvent(dst, "build_failed")
	default:
		return
	}
	addText(dst, "detail", detail)
}

// parseRelease takes "Release v9 created", "Initial release", "Running release v9
// commands" and "Rollback to v7".
func parseRelease(dst *fields.List, word, text string) {
	switch {
	case word == "Release":
		if version, ok := strings.CutSuffix(text, " created"); ok {
			addEvent(dst, "release")
			addText(dst, "version", version)
		}
	case word == "Initial" && text == "release":
		addEvent(dst, "release")
	case word == "Running":
		version, running := strings.CutPrefix(text, "release ")
		version, commands := strings.CutSuffix(version, " commands")
		if running && commands {
			addEvent(dst, "release_phase")
			addText(dst, "version", version)
		}
	case word == "Rollback":
		if version, ok := strings.CutPrefix(text, "to "); ok {
			addEvent(dst, "rollback")
			addText(dst, "version", version)
		}
	}
}

// parseConfig takes "A, B config vars".
func parseConfig(dst *fields.List, event, text string) {
	names, ok := strings.CutSuffix(strings.TrimSuffix(text, "s"), " config var")
	if ok {
		addEvent(dst, event)
		addText(dst, "config_vars", names)
	}
}

// addonReference comes before the name of an add-on.
const addonReference = "@ref:"

// parseAttachment takes "DATABASE (@ref:postgresql-x-1)".
func parseAttachment(dst *fields.List, event, text string) {
	name, addon, ok := strings.Cut(text, " ("+addonReference)
	if ok {
		addEvent(dst, event)
		addText(dst, "attachment", name)
		addText(dst, "addon", strings.TrimSuffix(addon, ")"))
	}
}

// parseProvisioned takes "@ref:postgresql-x-1 completed provisioning, setting
// DATABASE_URL.".
func parseProvisioned(dst *fields.List, word, text string) {
	addon, named := strings.CutPrefix(word, addonReference)
	names, ok := strings.CutPrefix(text, "completed provisioning, setting ")
	if named && ok {
		addEvent(dst, "provisioned")
		addText(dst, "addon", addon)
		addText(dst, "config_vars", strings.TrimSuffix(names, "."))
	}
}
