//! A function in Rust with AWS's library: answers, fails, panics, and says what it knows of its call.

use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};
use std::time::SystemTime;

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    match payload["do"].as_str() {
        Some("fail") => Err("no such thing".into()),
        Some("panic") => panic!("a panic"),
        Some("exit") => std::process::exit(7),
        _ => {
            println!("called with {}", payload["text"]);
            let remaining = context.deadline().duration_since(SystemTime::now());
            Ok(json!({
                "text": payload["text"],
                "request_id": context.request_id,
                "arn": context.invoked_function_arn,
                "trace": context.xray_trace_id,
                "remaining_ms": remaining.map_or(0, |left| left.as_millis() as u64),
                "execution_env": std::env::var("AWS_EXECUTION_ENV").unwrap_or_default(),
            }))
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
