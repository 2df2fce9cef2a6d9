package main

/*
#include "engine/wazero/hooks.h"
*/
import "C"

import (
	"context"
	"crypto/rand"
	"strconv"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst |
	experimental.CoreFeaturesExceptionHandling

type engine struct {
	callbacks *C.wazero_callbacks
	runtime   wazero.Runtime
}

// An image is compiled modules, and an instance of the host functions that its stores share.
type image struct {
	engine   *engine
	modules  []wazero.CompiledModule
	hostCode wazero.CompiledModule
	host     api.Module
	config   wazero.ModuleConfig
}

//export ubiq_wazero_open
func ubiq_wazero_open(callbacks *C.wazero_callbacks, interprets C.bool,
	message *C.wazero_message) (handle C.wazero_handle) {
	defer catch(message)
	config := wazero.NewRuntimeConfig() // compiles, unless the processor is one that wazero has no compiler for
	if interprets {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	config = config.WithCoreFeatures(features).WithDebugInfoEnabled(false)
	return keep(&engine{callbacks, wazero.NewRuntimeWithConfig(context.Background(), config)})
}

//export ubiq_wazero_close
func ubiq_wazero_close(handle C.wazero_handle) {
	release[engine](handle).runtime.Close(context.Background())
}

//export ubiq_wazero_image_new
func ubiq_wazero_image_new(handle C.wazero_handle, modules *C.wazero_module_source, modulesCount C.size_t,
	hosts *C.wazero_host_type, hostsCount C.size_t, message *C.wazero_message) (made C.wazero_handle) {
	// Names are given by resolve alone; what is called _start is a function as any other. Nothing asks for random bytes, as
	// WASI is ours, but a source that is not given would be made for every instance.
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(rand.Reader)
	self := &image{engine: of[engine](handle), config: config}
	defer func() {
		if made == 0 {
			self.close()
		}
	}()
	defer catch(message)
	err := self.compile(unsafe.Slice(modules, modulesCount))
	if err == nil {
		err = self.provide(unsafe.Slice(hosts, hostsCount))
	}
	if err != nil {
		say(message, err)
		return 0
	}
	return keep(self)
}

//export ubiq_wazero_image_delete
func ubiq_wazero_image_delete(handle C.wazero_handle) {
	release[image](handle).close()
}

// close may be called of an image that is not finished.
func (self *image) close() {
	ctx := context.Background()
	if self.host != nil {
		self.host.Close(ctx)
	}
	if self.hostCode != nil {
		self.hostCode.Close(ctx)
	}
	for _, module := range self.modules {
		module.Close(ctx)
	}
}

func (self *image) compile(sources []C.wazero_module_source) error {
	for _, source := range sources {
		// wazero keeps parts of what it is given: names, and initial data.
		wasm := C.GoBytes(unsafe.Pointer(source.wasm), C.int(source.size))
		module, err := self.engine.runtime.CompileModule(context.Background(), wasm)
		if err != nil {
			return err
		}
		self.modules = append(self.modules, module)
	}
	return nil
}

// provide makes the module of the host functions, which find their store by the context of the call.
func (self *image) provide(hosts []C.wazero_host_type) error {
	builder := self.engine.runtime.NewHostModuleBuilder(C.WAZERO_HOST_MODULE)
	for i, host := range hosts {
		builder.NewFunctionBuilder().
			WithGoModuleFunction(hostFunction(uint32(i)), types(host.params, host.params_count),
				types(host.results, host.results_count)).
			Export(strconv.Itoa(i))
	}
	builder.NewFunctionBuilder().
		WithGoFunction(api.GoFunc(ask), nil, nil).
		Export(C.WAZERO_ASK_IMPORT)
	var err error
	if self.hostCode, err = builder.Compile(context.Background()); err == nil {
		self.host, err = self.engine.runtime.InstantiateModule(context.Background(), self.hostCode, self.config)
	}
	return err
}

func types(codes *C.uint8_t, count C.size_t) []api.ValueType {
	return C.GoBytes(unsafe.Pointer(codes), C.int(count))
}
