require "logger"

LOGGER = Logger.new($stdout)
CONTEXT = %w[
  function_name function_version invoked_function_arn memory_limit_in_mb aws_request_id log_group_name log_stream_name
  identity client_context
].freeze

class Mistake < StandardError; end

def count(event:, context:)
  $count = ($count || 0) + 1
  [event, $count]
end

def context(event:, context:)
  remaining = context.get_remaining_time_in_millis
  CONTEXT.to_h { |name| [name, context.public_send(name)] }.merge("remaining_ms" => remaining)
end

def environment(event:, context:)
  ENV.to_h
end

def ends(event:, context:)
  case event["how"]
  when "raise" then raise "no such thing"
  when "own" then raise Mistake, "mine"
  when "undefined" then nil.nothing
  when "exit" then exit 3
  when "exit!" then exit! 4
  when "sleep" then sleep 10
  end
end

def logs(event:, context:)
  puts "a line"
  puts "two\nlines"
  $stderr.puts "an error"
  LOGGER.info("gelöggt")
  LOGGER.error("bad")
  StringIO.new("not JSON")
end

# What is required by name, from the package or from layers; and what a program on the PATH says.
def requires(event:, context:)
  event["names"].each { |name| require name }
  [*event["constants"].map { |name| Object.const_get(name) }, `#{event["program"]}`.strip]
end

module Example
  class Handler
    def self.process(event:, context:)
      { "class" => name, "event" => event }
    end
  end
end
