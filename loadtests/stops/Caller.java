import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Posts a file by many threads until each is refused; prints "COUNT what", a line each. */
public class Caller {
    public static void main(String[] arguments) throws Exception {
        URI url = URI.create(arguments[0]);
        byte[] body = Files.readAllBytes(Path.of(arguments[1]));
        Thread[] threads = new Thread[Integer.parseInt(arguments[2])];
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        for (int number = 0; number < threads.length; number++) {
            threads[number] = new Thread(() -> ask(url, body, seen));
            threads[number].start();
        }
        System.out.println("0 begun");
        for (Thread thread : threads) {
            thread.join();
        }
        seen.forEach((what, count) -> System.out.println(count + " " + what));
    }

    private static void ask(URI url, byte[] body, Map<String, Integer> seen) {
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        HttpRequest request = HttpRequest.newBuilder(url)
            .header("Content-Type", "image/png").POST(BodyPublishers.ofByteArray(body)).build();
        String what = "";
        while (!what.equals("refused")) {
            try {
                int status = client.send(request, BodyHandlers.ofString()).statusCode();
                what = status == 200 ? "answered" : "status " + status;
            } catch (ConnectException error) {
                what = "refused";
            } catch (Exception error) {
                what = error.toString();
            }
            seen.merge(what, 1, Integer::sum);
        }
    }
}
