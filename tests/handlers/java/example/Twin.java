package example;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.RuntimeMXBean;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Tells what a function can find out about how its JVM was started. */
public class Twin {
    // Read once by the JDK, when somebody needs what they are about: that may not have been before.
    static {
        System.setProperty("user.timezone", "Asia/Tokyo");
        System.setProperty("java.util.concurrent.ForkJoinPool.common.parallelism", "7");
    }

    public Map<String, Object> tell(Object event) throws Exception {
        Map<String, Object> told = new TreeMap<>();
        RuntimeMXBean runtime = ManagementFactory.getRuntimeMXBean();
        told.put("environment", new TreeMap<>(System.getenv()));
        told.put("started", split("/proc/self/environ"));
        told.put("command", split("/proc/self/cmdline"));
        told.put("command_bytes", Files.readAllBytes(Paths.get("/proc/self/cmdline")).length);
        told.put("arguments", Arrays.asList(ProcessHandle.current().info().arguments().get()));
        told.put("pid", ProcessHandle.current().pid());
        told.put("flags", runtime.getInputArguments());
        told.put("paths", Arrays.asList(runtime.getClassPath(), runtime.getLibraryPath(), runtime.getName()));
        told.put("properties", new TreeMap<>(System.getProperties()));
        told.put("start", Files.readString(Paths.get("/proc/self/stat")).replaceAll(".*\\) ", "").split(" ")[19]);
        told.put("status", lines("/proc/self/status", "(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Sig(Blk|Ign|Cgt)).*"));
        told.put("limits", lines("/proc/self/limits", ".*"));
        told.put("mounts", lines("/proc/self/mountinfo", ".*").stream().map(line -> line.split(" ")[4]).collect(Collectors.toList()));
        told.put("files", files());
        told.put("mapped", lines("/proc/self/maps", ".* /.*").stream().map(line -> line.replaceAll(".* ", "")).distinct()
            .collect(Collectors.toList()));
        told.put("here", list(""));
        told.put("absolute", new File("x").getAbsolutePath() + Paths.get("").toAbsolutePath());
        told.put("tmp", walk("/tmp"));
        told.put("runtime", walk("/var/runtime"));
        told.put("locale", Locale.getDefault() + " " + TimeZone.getDefault().getID() + " " + Charset.defaultCharset());
        told.put("memory", Runtime.getRuntime().maxMemory() + " " + Runtime.getRuntime().availableProcessors());
        told.put("parallelism", java.util.concurrent.ForkJoinPool.commonPool().getParallelism());
        told.put("threads", Thread.getAllStackTraces().keySet().stream().map(Thread::getName).sorted().collect(Collectors.toList()));
        told.put("loader", Thread.currentThread().getContextClassLoader().getClass().getName());
        told.put("providers", Arrays.stream(java.security.Security.getProviders()).map(Object::toString).collect(Collectors.toList()));
        told.put("algorithms", java.security.Security.getProperty("jdk.tls.disabledAlgorithms"));
        told.put("stack", Arrays.stream(new Throwable().getStackTrace()).map(StackTraceElement::toString).collect(Collectors.toList()));
        told.put("child", child());
        return told;
    }

    public Map<String, Object> mine(Object event) throws Exception {
        Map<String, Object> told = new TreeMap<>();
        told.put("start", Files.readString(Paths.get("/proc/self/stat")).replaceAll(".*\\) ", "").split(" ")[19]);
        told.put("environment", new TreeMap<>(System.getenv()));
        return told;
    }

    public String fail(Object event) {
        throw new IllegalStateException("no such thing");
    }

    private static List<String> split(String path) throws IOException {
        return Arrays.stream(Files.readString(Paths.get(path)).split("\0")).filter(it -> !it.isEmpty()).collect(Collectors.toList());
    }

    private static List<String> lines(String path, String pattern) throws IOException {
        return Files.readString(Paths.get(path)).lines().filter(line -> line.matches(pattern)).collect(Collectors.toList());
    }

    private static List<String> list(String path) throws IOException {
        try (Stream<Path> entries = Files.list(Paths.get(path))) {
            return entries.map(Path::toString).sorted().collect(Collectors.toList());
        }
    }

    private static List<String> walk(String path) throws IOException {
        try (Stream<Path> entries = Files.walk(Paths.get(path))) {
            return entries.map(Path::toString).sorted().collect(Collectors.toList());
        }
    }

    /** Without those that reading this very directory takes, and without what the kernel numbers. */
    private static List<String> files() throws IOException {
        return list("/proc/self/fd").stream().map(path -> {
            try {
                return Paths.get(path).getFileName() + " " + Files.readSymbolicLink(Paths.get(path)).toString().replaceAll("\\d+\\]", "]");
            } catch (IOException closed) {
                return "";
            }
        }).collect(Collectors.toList());
    }

    private static List<String> child() throws Exception {
        Process process = new ProcessBuilder("/bin/sh", "-c", "pwd; ls; env | cut -d= -f1 | sort").start();
        try (java.io.InputStream output = process.getInputStream()) {
            return new String(output.readAllBytes()).lines().collect(Collectors.toList());
        }
    }
}
