package example;

import com.amazonaws.services.lambda.crac.Context;
import com.amazonaws.services.lambda.crac.Core;
import com.amazonaws.services.lambda.crac.Resource;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.ArrayList;
import java.util.List;

/** Writes down what it goes through, its snapshot and restore among it. */
public class Restored implements RequestHandler<Object, List<String>>, Resource {
    private final List<String> steps = new ArrayList<>();

    public Restored() {
        steps.add("made");
        Core.getGlobalContext().register(this);
    }

    @Override
    public void beforeCheckpoint(Context<? extends Resource> context) {
        steps.add("before the snapshot");
    }

    @Override
    public void afterRestore(Context<? extends Resource> context) {
        steps.add("after the restore");
    }

    @Override
    public List<String> handleRequest(Object event, com.amazonaws.services.lambda.runtime.Context context) {
        steps.add("called");
        return steps;
    }
}
