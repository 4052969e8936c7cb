package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/drainline/drainline/config"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// UsageError is a mistake in how a program was called or configured, as opposed
// to something that went wrong.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Start makes a program's services, in the order in which they are to stop.
type Start func(ctx context.Context, p *Process) ([]Service, error)

// Flags are the flags of every command that reads the configuration.
type Flags struct {
	files []string
	sets  []string
}

// Add declares the flags on a command.
func (f *Flags) Add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "config", "c", nil, "configuration `file`; repeat it to let later files override earlier ones")
	cmd.Flags().StringArrayVar(&f.sets, "set", nil, "set one `key=value` of the configuration, over files and environment")
}

// Loader is the configuration the flags name, yet to be loaded.
func (f *Flags) Loader() (config.Loader, error) {
	l, err := Sets(f.sets)
	l.Files, l.Environ = f.files, os.Environ()
	return l, err
}

// Take gives, and takes away, what --set says of keys that are none of the configuration's.
func (f *Flags) Take(keys ...string) (pairs []string) {
	f.sets = slices.DeleteFunc(f.sets, func(set string) bool {
		key, _, _ := strings.Cut(set, "=")
		if !slices.Contains(keys, key) {
			return false
		}
		pairs = append(pairs, set)
		return true
	})
	return pairs
}

// Sets reads a configuration of nothing but key=value settings.
func Sets(sets []string) (config.Loader, error) {
	l := config.Loader{Flags: map[string]any{}}
	for _, set := range sets {
		key, value, ok := strings.Cut(set, "=")
		if !ok || key == "" {
			return l, &UsageError{Err: fmt.Errorf("--set %q: want key=value, such as bus.url=nats://127.0.0.1:4222", set)}
		}
		l.Flags[key] = value
	}
	return l, nil
}

// WithBus are sections of the configuration, and what a process uses of it to reach the bus.
func WithBus(sections ...string) []string {
	return append([]string{"bus.nkey", "bus.tls"}, sections...)
}

// Command makes the command that runs a program until it is told to stop. The sections are
// those whose secrets it uses (config.Loader.Uses); without any it uses all.
func Command(cmd *cobra.Command, start Start, sections ...string) *cobra.Command {
	var flags Flags
	flags.Add(cmd)
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loader, err := flags.Loader()
		if err != nil {
			return err
		}
		loader.Uses = sections
		return Run(cmd, loader, start)
	}
	return cmd
}

// Run runs a program with the configuration of loader until SIGINT or SIGTERM,
// or until a service fails.
func Run(cmd *cobra.Command, loader config.Loader, start Start) error {
	p, err := newProcess(cmd.Name(), loader, cmd.OutOrStdout(), term.IsTerminal(int(os.Stdout.Fd())))
	if err != nil {
		return err
	}
	defer p.end()
	p.hearOpenTelemetry()
	limitMemory()
	signal.Notify(p.hangup, syscall.SIGHUP)
	defer signal.Stop(p.hangup)
	ctx, stop := notify(cmd.Context())
	defer stop()

	a, err := p.newAdmin(ctx) // first, so that a taken port stops nothing half-way
	if err != nil {
		return err
	}
	services, err := start(ctx, p)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it had started
		}
		return err
	}
	p.Say("admin", a.url()+" (/healthz, /readyz, /metrics)")
	go func() {
		if err := a.serve(); err != nil {
			p.Log.Error("admin is gone", "error", err)
		}
	}()
	defer func() {
		if err := a.close(); err != nil {
			p.Log.Warn("admin", "error", err)
		}
	}()
	return p.run(ctx, services)
}

// Main executes a command as the whole program.
func Main(cmd *cobra.Command) {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.Version = Build()
	cmd.SetVersionTemplate(DescribeBuild() + "\n")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &UsageError{Err: fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
	})
	started := false
	cmd.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	err := cmd.ExecuteContext(context.Background())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "drainline: "+err.Error())
	var usage *UsageError
	if !started || errors.As(err, &usage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}
