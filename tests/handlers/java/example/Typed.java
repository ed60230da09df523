package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.List;
import java.util.Map;

/** Named as a class alone: the interface says what is called. */
public class Typed implements RequestHandler<Map<String, List<Integer>>, Integer> {
    @Override
    public Integer handleRequest(Map<String, List<Integer>> event, Context context) {
        return event.get("numbers").stream().mapToInt(Integer::intValue).sum();
    }
}
