// What plugins cost on Extism's own SDK for Go, which runs them on wazero: go_sdk GUESTS [timeout] prints one line of JSON
// with the figures of bench/engine.c, measured in the same way.
//
// With `timeout` the manifest sets one. That makes calls interruptible, which those of bench/engine.c always are.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
)

const (
	measured  = 40 * time.Millisecond
	instances = 200
)

var (
	ctx     = context.Background()
	guests  string
	timeout uint64 // ms; 0: none
	input   [64]byte
)

func check(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s on Extism's SDK for Go: %v\n", what, err)
		os.Exit(1)
	}
}

// now is processor time, of all threads.
func now() time.Duration {
	var usage syscall.Rusage
	check("getrusage", syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func residentBytes() float64 {
	var total, resident int
	text, err := os.ReadFile("/proc/self/statm")
	check("statm", err)
	fmt.Sscan(string(text), &total, &resident)
	return float64(resident * os.Getpagesize())
}

func readGuest(name string) []byte {
	wasm, err := os.ReadFile(filepath.Join(guests, name+".wasm"))
	if err != nil {
		return nil
	}
	return wasm
}

func compile(name string, wasm []byte) *extism.CompiledPlugin {
	if wasm == nil {
		check(name, fmt.Errorf("it is not built; `make guests` does"))
	}
	step := extism.NewHostFunctionWithStack("step", func(_ context.Context, _ *extism.CurrentPlugin, stack []uint64) {
		stack[0]++
	}, []extism.ValueType{extism.ValueTypeI64}, []extism.ValueType{extism.ValueTypeI64})
	manifest := extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: wasm}}, Timeout: timeout}
	compiled, err := extism.NewCompiledPlugin(ctx, manifest, extism.PluginConfig{}, []extism.HostFunction{step})
	check(name, err)
	return compiled
}

func instantiate(compiled *extism.CompiledPlugin) *extism.Plugin {
	plugin, err := compiled.Instance(ctx, extism.PluginInstanceConfig{ModuleConfig: wazero.NewModuleConfig()})
	check("new", err)
	return plugin
}

func callWith(plugin *extism.Plugin, function string, input []byte) {
	_, output, err := plugin.Call(function, input)
	check(function, err)
	if len(output) == 0 {
		check(function, fmt.Errorf("it answered nothing"))
	}
}

func makeAnew(compiled *extism.CompiledPlugin) {
	plugin := instantiate(compiled)
	callWith(plugin, "echo", input[:])
	plugin.Close(ctx)
}

// cost says, in ns, what one of `inARound` things costs, after so many rounds that they take a while.
func cost(inARound float64, work func(rounds uint64)) float64 {
	for rounds := uint64(1); ; {
		start := now()
		work(rounds)
		took := now() - start
		if took >= measured {
			return float64(took) / float64(rounds) / inARound
		}
		if took*8 < measured {
			rounds *= 8
		} else {
			rounds *= 2
		}
	}
}

func again(rounds uint64, what func()) {
	for ; rounds > 0; rounds-- {
		what()
	}
}

func inside(guest, function string, inARound float64) float64 {
	plugin := instantiate(compile(guest, readGuest(guest)))
	defer plugin.Close(ctx)
	return cost(inARound, func(rounds uint64) {
		callWith(plugin, function, binary.LittleEndian.AppendUint64(nil, rounds))
	})
}

func perInstance(compiled *extism.CompiledPlugin) float64 {
	var plugins []*extism.Plugin
	runtime.GC()
	before := residentBytes()
	for range instances {
		plugin := instantiate(compiled)
		callWith(plugin, "echo", input[:])
		plugins = append(plugins, plugin)
	}
	grown := residentBytes() - before
	for _, plugin := range plugins {
		plugin.Close(ctx)
	}
	return grown / instances
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 || (len(os.Args) == 3 && os.Args[2] != "timeout") {
		check("usage", fmt.Errorf("go_sdk GUESTS [timeout]"))
	}
	guests = os.Args[1]
	if len(os.Args) == 3 {
		timeout = 60000
	}
	var figures []string
	add := func(name string, value float64) { figures = append(figures, fmt.Sprintf("%q: %.2f", name, value)) }
	if rust := readGuest("rust_plugin"); rust != nil {
		start := now()
		compiled := compile("rust_plugin", rust)
		add("compile", float64(now()-start))
		compiled.Close(ctx)
	}
	echo := compile("echo", readGuest("echo"))
	plugin := instantiate(echo)
	add("fresh_64", cost(1, func(rounds uint64) { again(rounds, func() { makeAnew(echo) }) }))
	add("warm_64", cost(1, func(rounds uint64) { again(rounds, func() { callWith(plugin, "echo", input[:]) }) }))
	add("host_call", inside("host_loop", "host_loop", 1))
	add("blocks", inside("work", "blocks", 1))
	add("sha256", inside("work", "sha256", 1))
	add("mandelbrot", inside("work", "mandelbrot", 128))
	add("instance", perInstance(echo))
	fmt.Printf("{%s}\n", strings.Join(figures, ", "))
}
