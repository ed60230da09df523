package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** Handlers that are named as Class::method. */
public class Handlers {
    public static class Order {
        private String item;
        private int count;

        public String getItem() { return item; }
        public void setItem(String item) { this.item = item; }
        public int getCount() { return count; }
        public void setCount(int count) { this.count = count; }
    }

    private int calls = 0;

    public Order doubled(Order order) {
        order.setCount(2 * order.getCount());
        return order;
    }

    public Object echo(Object event) {
        return event;
    }

    public int counted() {
        return ++calls;
    }

    public void nothing(Object event) {
    }

    public String failing(Object event) {
        throw new IllegalStateException("no such thing", new IllegalArgumentException("the cause"));
    }

    public String exiting(Object event) {
        System.exit(7);
        return null;
    }

    public String sleeping(Object event) throws InterruptedException {
        Thread.sleep(30_000);
        return "too late";
    }

    public Map<String, Object> context(Object event, Context context) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("name", context.getFunctionName());
        answer.put("version", context.getFunctionVersion());
        answer.put("arn", context.getInvokedFunctionArn());
        answer.put("memory_mb", context.getMemoryLimitInMB());
        answer.put("request_id", context.getAwsRequestId());
        answer.put("remaining_ms", context.getRemainingTimeInMillis());
        answer.put("log_group", context.getLogGroupName());
        answer.put("log_stream", context.getLogStreamName());
        return answer;
    }

    public String logging(Object event, Context context) {
        context.getLogger().log("from the logger\n");
        context.getLogger().log("only if asked for", LogLevel.DEBUG);
        context.getLogger().log("severe", LogLevel.ERROR);
        System.out.println("from standard output");
        System.err.println("from standard error");
        return "logged";
    }

    public Map<String, Object> machine(Object event) throws Exception {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("version", System.getProperty("java.version"));
        answer.put("home", System.getProperty("java.home"));
        answer.put("heap_kb", Runtime.getRuntime().maxMemory() / 1024);
        answer.put("processors", Runtime.getRuntime().availableProcessors());
        answer.put("flags", java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments());
        answer.put("collectors", java.lang.management.ManagementFactory.getGarbageCollectorMXBeans().stream()
            .map(bean -> bean.getName()).collect(java.util.stream.Collectors.toList()));
        answer.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
        // It uses the security properties, which Debian keeps outside of the JVM's directory.
        answer.put("digest", java.security.MessageDigest.getInstance("SHA-256").digest(new byte[0]).length);
        return answer;
    }

    public Map<String, String> environment(Object event) {
        return new TreeMap<>(System.getenv());
    }

    public String fromLibrary(Object event) throws Exception {
        return (String) Class.forName("library.Library").getMethod("text").invoke(null);
    }
}
