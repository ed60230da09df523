package library;

/** What a package or a layer brings in a jar of its own. */
public class Library {
    public static String text() {
        return "from the library";
    }
}
