package com.amazonaws.services.lambda.runtime.api.client;

import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.api.client.logging.LambdaContextLogger;
import com.amazonaws.services.lambda.runtime.api.client.logging.StdOutLogSink;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.JniHelper;
import com.amazonaws.services.lambda.runtime.api.client.util.LambdaOutputStream;
import com.amazonaws.services.lambda.runtime.api.client.util.UnsafeUtil;
import com.amazonaws.services.lambda.runtime.logging.LogFormat;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import com.amazonaws.services.lambda.runtime.serialization.PojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.factories.JacksonFactory;
import com.amazonaws.services.lambda.runtime.serialization.util.ReflectUtil;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.HashMap;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TimeZone;

/**
 * Runs before AWS's client, in a JVM that was started before there was a function (docs/decisions/0046): does what
 * takes long and needs no variable, waits, and hands over to AWS's main class.
 *
 * Nothing here may look at a variable, not even by the initialiser of one of AWS's classes (AWSLambda, LambdaEnvironment):
 * what java.lang.ProcessEnvironment has copied once is what a function would get.
 *
 * A function may set properties before AWS's client needs JSON, and the JDK reads some of them once. So what depends on them
 * is undone (the time zone) or left (the common pool of threads, which releases after 21 make for the first big number).
 *
 * It is in the package of AWS's client because that cuts a function's stack traces where its own package begins.
 */
public final class Ahead {
    /** sandbox/launcher/runtime.py opens it. */
    private static final int CHANNEL = 63;
    private static final String REHEARSAL = "/run/stoker/cover/rehearsal";

    private static final String CLIENT = "com.amazonaws.services.lambda.runtime.";
    private static final String JSON = "com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.";
    private static final String[] LOADED = {
        "java.lang.ProcessEnvironment", "java.lang.ProcessEnvironment$ExternalData",
        "java.lang.ProcessEnvironment$Variable", "java.lang.ProcessEnvironment$Value",
        "java.lang.ProcessEnvironment$StringEnvironment", "java.lang.ProcessImpl", CLIENT + "api.client.AWSLambda",
        CLIENT + "api.client.LambdaEnvironment", CLIENT + "api.client.EventHandlerLoader$2",
        CLIENT + "api.client.runtimeapi.NativeClient", CLIENT + "api.client.util.ConcurrencyConfig",
        CLIENT + "api.client.util.EnvReader", CLIENT + "ClientContext", CLIENT + "CognitoIdentity",
        JSON + "base.ParserMinimalBase", JSON + "base.ParserBase", JSON + "json.UTF8StreamJsonParser",
        JSON + "json.ByteSourceJsonBootstrapper", JSON + "json.JsonReadContext", JSON + "io.NumberInput",
        JSON + "StreamReadCapability", JSON + "util.TextBuffer", JSON + "sym.ByteQuadsCanonicalizer",
    };
    private static final String[] INITIALISED = {
        CLIENT + "LambdaRuntime", CLIENT + "LambdaRuntimeInternal", CLIENT + "api.client.CustomerClassLoader",
        CLIENT + "api.client.EventHandlerLoader", CLIENT + "api.client.EventHandlerLoader$PojoHandlerAsStreamHandler",
        CLIENT + "api.client.EventHandlerLoader$PojoMethodRequestHandler", CLIENT + "api.client.PojoSerializerLoader",
        CLIENT + "api.client.LambdaRequestHandler$UserFaultHandler", CLIENT + "api.client.UserFault",
        CLIENT + "api.client.api.LambdaContext", CLIENT + "api.client.logging.FramedTelemetryLogSink",
        CLIENT + "api.client.runtimeapi.LambdaRuntimeApiClientImpl",
        CLIENT + "api.client.runtimeapi.dto.InvocationRequest",
    };
    private static final int BIG_NUMBERS_NEED_NO_THREADS_UNTIL = 21;
    private static final byte[] EVENT =
        "{\"text\":[\"a\",{\"number\":1.5,\"whole\":1,\"nothing\":null,\"truth\":true}]}".getBytes(StandardCharsets.UTF_8);

    private static volatile LambdaLogger logger;

    private Ahead() {
    }

    /** The arguments are a filler, and when the archive of classes is made the channel and the rehearsal's place. */
    public static void main(String[] arguments) throws Throwable {
        boolean isRehearsal = arguments.length == 3;
        String zone = System.getProperty("user.timezone");
        rehearse(isRehearsal ? arguments[2] : REHEARSAL);
        forgetZone(zone);
        String[] command = command(isRehearsal ? Integer.parseInt(arguments[1]) : CHANNEL);
        String main = command[command.length - 2], handler = command[command.length - 1];
        System.setProperty("sun.java.command", main + " " + handler);
        if (!handler.equals(System.getenv("_HANDLER"))) {
            throw new IllegalStateException("this JVM has not got the variables of its function");
        }
        AWSLambda.main(new String[] {handler});
    }

    /** As if nobody had asked for the time zone yet: the first who does has `property` set. */
    private static void forgetZone(String property) {
        TimeZone.setDefault(null);
        if (property == null) {
            System.clearProperty("user.timezone");
        } else {
            System.setProperty("user.timezone", property);
        }
    }

    /** The command line to go on with, once there is one. */
    private static String[] command(int number) throws ReflectiveOperationException, IOException {
        Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        FileDescriptor channel = constructor.newInstance(number);
        ByteArrayOutputStream told = new ByteArrayOutputStream();
        byte[] buffer = new byte[4096];
        new FileOutputStream(channel).write('\n');
        try (FileInputStream input = new FileInputStream(channel)) {
            for (int length = input.read(buffer); length > 0; length = input.read(buffer)) {
                told.write(buffer, 0, length);
            }
        }
        if (told.size() == 0) {
            Runtime.getRuntime().halt(1);
        }
        return told.toString("UTF-8").split("\0", -1);
    }

    private static void rehearse(String directory) throws Exception {
        ClassLoader loader = Ahead.class.getClassLoader();
        for (String name : LOADED) {
            try {
                Class.forName(name, false, loader);
            } catch (ClassNotFoundException absent) {
                continue; // in this release of Java
            }
        }
        for (String name : INITIALISED) {
            Class.forName(name, true, loader);
        }
        JniHelper.load();
        UnsafeUtil.disableIllegalAccessWarning();
        // The first change of a property makes a logger, whatever the change is.
        Security.setProperty("jdk.tls.disabledAlgorithms", Security.getProperty("jdk.tls.disabledAlgorithms"));
        ReflectUtil.setStaticField(Ahead.class, "logger", true, null);
        new LambdaContextLogger(new StdOutLogSink(), LogLevel.fromString("UNDEFINED"), LogFormat.fromString("TEXT"));
        new PrintStream(new LambdaOutputStream(System.out), false, "UTF-8").print("");
        for (Type type : new Type[] {Object.class, Map.class}) {
            transcribe(type);
        }
        try (CustomerClassLoader customers = new CustomerClassLoader(directory, directory, loader)) {
            Class<?> handler = HandlerInfo.fromString("Rehearsed::handle", customers).clazz;
            Method method = handler.getMethod("handle", Map.class);
            transcribe(method.getGenericParameterTypes()[0]);
            method.invoke(handler.getConstructor().newInstance(), new HashMap<String, Object>());
            ServiceLoader.load(CustomPojoSerializer.class, customers).iterator().hasNext();
        }
    }

    private static void transcribe(Type type) {
        PojoSerializer<Object> serializer = JacksonFactory.getInstance().getSerializer(type);
        Object event = new HashMap<String, Object>();
        if (Float.parseFloat(System.getProperty("java.specification.version")) <= BIG_NUMBERS_NEED_NO_THREADS_UNTIL) {
            event = serializer.fromJson(new ByteArrayInputStream(EVENT));
        }
        serializer.toJson(event, new ByteArrayOutputStream());
    }
}
