package main

/*
#include "engine/wazero/hooks.h"

static inline bool call_host(const wazero_callbacks *callbacks, void *store, uint32_t function, uint32_t module,
                             uint64_t *values) {
	return callbacks->host(store, function, module, values);
}

static inline bool call_ask(const wazero_callbacks *callbacks, void *store) {
	return callbacks->ask(store);
}
*/
import "C"

import (
	"context"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// A function is an export of a store's module. The stack that its calls run on is its own.
type function struct {
	store  *store
	module api.Module
	name   string
	call   api.Function
}

// What a call ends with that the host ended. wazero passes errors of this type on as they are.
var ended = sys.NewExitError(1)

//export ubiq_wazero_function
func ubiq_wazero_function(handle C.wazero_handle, module C.uint32_t, exported *C.char) C.wazero_handle {
	store := of[store](handle)
	name := C.GoString(exported)
	found := store.functions[module][name]
	if found == nil {
		call := store.modules[module].ExportedFunction(name)
		if call == nil {
			return 0
		}
		if store.functions[module] == nil {
			store.functions[module] = map[string]*function{}
		}
		found = &function{store, store.modules[module], name, call}
		store.functions[module][name] = found
	}
	return C.wazero_handle(uintptr(unsafe.Pointer(found)))
}

//export ubiq_wazero_call
func ubiq_wazero_call(handle C.wazero_handle, values *C.uint64_t, count C.size_t, message *C.wazero_message) C.bool {
	self := of[function](handle)
	err := self.call.CallWithStack(&self.store.calling, unsafe.Slice((*uint64)(values), count))
	if err == nil {
		return true
	}
	say(message, err)
	// The stack may have grown to a hundred megabytes: the next call begins with another.
	self.call = self.module.ExportedFunction(self.name)
	return false
}

// hostFunction makes what guests call for the image's host function of that number.
func hostFunction(number uint32) api.GoModuleFunc {
	return func(ctx context.Context, caller api.Module, values []uint64) {
		store := ctx.(*callContext).store
		if !C.call_host(store.image.engine.callbacks, store.adapter, C.uint32_t(number), store.place(caller),
			(*C.uint64_t)(unsafe.SliceData(values))) {
			panic(ended)
		}
	}
}

// place answers which of the store's modules that is.
func (self *store) place(module api.Module) C.uint32_t {
	for i := range self.modules {
		if self.modules[i] == module {
			return C.uint32_t(i)
		}
	}
	return 0
}

// ask is what modules with limits call. That it is Go also lets Go's collector and other goroutines have their turn.
func ask(ctx context.Context, _ []uint64) {
	store := ctx.(*callContext).store
	if !C.call_ask(store.image.engine.callbacks, store.adapter) {
		panic(ended)
	}
}
