// A function in Go with AWS's library: answers, fails, panics, and says what it knows of its call.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Text string `json:"text"`
}

type answer struct {
	Text         string `json:"text"`
	RequestID    string `json:"request_id"`
	ARN          string `json:"arn"`
	Trace        string `json:"trace"`
	RemainingMs  int64  `json:"remaining_ms"`
	ExecutionEnv string `json:"execution_env"`
}

func handle(ctx context.Context, e event) (*answer, error) {
	switch e.Do {
	case "fail":
		return nil, errors.New("no such thing")
	case "panic":
		panic("a panic")
	case "exit":
		os.Exit(7)
	}
	fmt.Println("called with", e.Text)
	called, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return &answer{
		Text:         e.Text,
		RequestID:    called.AwsRequestID,
		ARN:          called.InvokedFunctionArn,
		Trace:        os.Getenv("_X_AMZN_TRACE_ID"),
		RemainingMs:  time.Until(deadline).Milliseconds(),
		ExecutionEnv: os.Getenv("AWS_EXECUTION_ENV"),
	}, nil
}

func main() {
	lambda.Start(handle)
}
