import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.io.ByteArrayInputStream;

/** Posts a text twice by one client, once with a length and once in chunks; prints the statuses. */
public class PostTwice {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient(); // offers h2c with each request
        byte[] text = arguments[1].getBytes("UTF-8");
        HttpRequest.BodyPublisher[] bodies = {
            BodyPublishers.ofByteArray(text),
            BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(text)),
        };
        for (HttpRequest.BodyPublisher body : bodies) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .header("Content-Type", "text/plain").POST(body).build();
            HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
