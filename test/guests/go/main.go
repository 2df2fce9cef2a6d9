// A plugin made with Extism's own PDK for Go, a WASI reactor: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/extism/go-pdk"
)

const vowels = "aeiouAEIOU"

type vowelReport struct {
	Count  int    `json:"count"`
	Total  int    `json:"total"`
	Vowels string `json:"vowels"`
}

// echo answers its input.
//
//go:wasmexport echo
func echo() int32 {
	pdk.Output(pdk.Input())
	return 0
}

// count_vowels counts vowels, with a running total and vowels that config may change.
//
//go:wasmexport count_vowels
func countVowels() int32 {
	letters, ok := pdk.GetConfig("vowels")
	if !ok {
		letters = vowels
	}
	count := 0
	for _, letter := range pdk.InputString() {
		if strings.ContainsRune(letters, letter) {
			count++
		}
	}
	total := pdk.GetVarInt("total") + count
	pdk.SetVarInt("total", total)
	if err := pdk.OutputJSON(vowelReport{count, total, letters}); err != nil {
		pdk.SetError(err)
		return 1
	}
	return 0
}

// fail fails with the input as message.
//
//go:wasmexport fail
func fail() int32 {
	pdk.SetError(errors.New(pdk.InputString()))
	return 1
}

// panics panics: Go prints a trace on standard error and traps.
//
//go:wasmexport panics
func panics() int32 {
	panic("this function panics on purpose")
}

// log_all logs the input at every level.
//
//go:wasmexport log_all
func logAll() int32 {
	message := pdk.InputString()
	for _, level := range []pdk.LogLevel{pdk.LogTrace, pdk.LogDebug, pdk.LogInfo, pdk.LogWarn, pdk.LogError} {
		pdk.Log(level, message)
	}
	return 0
}

// print prints the input on standard output.
//
//go:wasmexport print
func printInput() int32 {
	fmt.Println(pdk.InputString())
	return 0
}

// sleep waits ten milliseconds, which Go does with poll_oneoff, and answers how many passed.
//
//go:wasmexport sleep
func sleep() int32 {
	before := time.Now()
	time.Sleep(10 * time.Millisecond)
	pdk.OutputString(fmt.Sprint(time.Since(before).Milliseconds()))
	return 0
}

// read_file answers the content of the file that the input names, from the allowed paths.
//
//go:wasmexport read_file
func readFile() int32 {
	content, err := os.ReadFile(pdk.InputString())
	if err != nil {
		pdk.SetError(err)
		return 1
	}
	pdk.Output(content)
	return 0
}

// http_get sends a GET request to the URL in the input and answers "<status>\n<body>".
//
//go:wasmexport http_get
func httpGet() int32 {
	response := pdk.NewHTTPRequest(pdk.MethodGet, pdk.InputString()).SetHeader("x-guest", "go").Send()
	pdk.OutputString(fmt.Sprintf("%d\n%s", response.Status(), response.Body()))
	return 0
}

func main() {}
