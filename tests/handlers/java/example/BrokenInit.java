package example;

/** Its initialiser fails. */
public class BrokenInit {
    static final String VALUE = broken();

    private static String broken() {
        throw new IllegalStateException("not today");
    }

    public String handle(Object event) {
        return VALUE;
    }
}
