// An extension that subscribes to telemetry and writes what it receives to /tmp/subscriber, one record on a line.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

var name = filepath.Base(os.Args[0])

func call(method, path, identifier, body string) (http.Header, []byte) {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + path
	request, _ := http.NewRequest(method, url, bytes.NewBufferString(body))
	request.Header.Set("Lambda-Extension-Name", name)
	request.Header.Set("Lambda-Extension-Identifier", identifier)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	if response.StatusCode != 200 {
		panic(string(answer))
	}
	return response.Header, answer
}

func main() {
	file, _ := os.OpenFile("/tmp/"+name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	receive := func(response http.ResponseWriter, request *http.Request) {
		var records []json.RawMessage
		json.NewDecoder(request.Body).Decode(&records)
		for _, record := range records {
			fmt.Fprintf(file, "%s\n", record)
		}
	}
	go http.ListenAndServe("sandbox.localdomain:4243", http.HandlerFunc(receive))
	header, _ := call("POST", "/2020-01-01/extension/register", "", `{"events":["INVOKE","SHUTDOWN"]}`)
	identifier := header.Get("Lambda-Extension-Identifier")
	call("PUT", "/2022-07-01/telemetry", identifier, `{"schemaVersion":"2022-12-13","types":["platform","function"],
		"buffering":{"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243"}}`)
	for {
		var event struct{ EventType, RequestId string }
		_, body := call("GET", "/2020-01-01/extension/event/next", identifier, "")
		json.Unmarshal(body, &event)
		fmt.Println("go got", event.EventType, event.RequestId)
		if event.EventType == "SHUTDOWN" {
			return
		}
	}
}
