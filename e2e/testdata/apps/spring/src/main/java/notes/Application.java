package notes;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Application {
    private static final String SETTINGS = System.getenv("SPRING_APPLICATION_JSON");

    public static void main(String[] args) throws Exception {
        try (Connection c = connect()) {
            c.createStatement().execute("create table if not exists note (id serial primary key, text text not null)");
        }
        String title = new String(Application.class.getResourceAsStream("/title.txt").readAllBytes(), StandardCharsets.UTF_8);
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> answer(exchange, () -> {
            try (Connection c = connect()) {
                var rows = c.createStatement().executeQuery("select count(*) from note");
                rows.next();
                return "notes: " + rows.getInt(1) + " " + title;
            }
        }));
        server.createContext("/notes", exchange -> answer(exchange, () -> {
            try (Connection c = connect()) {
                c.createStatement().execute("insert into note (text) values ('a note')");
                return "kept";
            }
        }));
        server.start();
        System.out.println("Started Application");
    }

    private interface Page {
        String text() throws SQLException;
    }

    private static void answer(HttpExchange exchange, Page page) throws IOException {
        int status = 200;
        String text;
        try {
            text = page.text();
        } catch (SQLException e) {
            status = 500;
            text = e.getMessage();
        }
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, body.length);
        try (var out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    private static Connection connect() throws SQLException {
        return DriverManager.getConnection(setting("url"), setting("username"), setting("password"));
    }

    private static String setting(String name) {
        Matcher m = Pattern.compile("\"spring\\.datasource\\." + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(SETTINGS);
        if (!m.find()) {
            throw new IllegalStateException("spring.datasource." + name + " is not set");
        }
        return m.group(1);
    }
}
