"""Folders whose files are answered as they are."""

import os

import support
from support import function

FILES = '[files."/"]\nfolder = "public"\n\n[files."/kept"]\nfolder = "public"\nmax_age = "1h"\nindex = "a.txt"\n'
CONTENT = {"index.html": "<p>home", "a.txt": "0123456789", "css/index.html": "<p>css", "css/a b.css": "p {}", "empty": "",
           ".secret": "no", ".well-known/x": "yes", "data.bin": "\0"}


class Files(support.Test):
    def make(self):
        directory = self.project(FILES, function("hello", "POST /hello"))
        for name, content in CONTENT.items():
            os.makedirs(os.path.dirname(os.path.join(directory, "public", name)), exist_ok=True)
            self.write(os.path.join(directory, "public"), name, content)
        os.symlink("/etc/passwd", os.path.join(directory, "public", "out"))
        os.symlink("a.txt", os.path.join(directory, "public", "in"))
        os.mkfifo(os.path.join(directory, "public", "pipe"))
        return directory

    def bundle(self):
        directory = self.make()
        os.unlink(os.path.join(directory, "public", "out"))
        result = self.run_ubiq("build", directory, "--output", os.path.join(directory, "x.ubiq"))
        self.assertEqual(0, result.returncode, result.stderr)
        return os.path.join(directory, "x.ubiq")

    def both(self):
        """A server of the folder, and one of the bundle made of it."""
        for place in (self.make(), self.bundle()):
            yield self.start(place, "--workers", "1")

    def test_files_are_answered_with_their_types(self):
        for server in self.both():
            for path, type_, body in (("/", "text/html; charset=utf-8", b"<p>home"), ("/a.txt", "text/plain; charset=utf-8", b"0123456789"),
                                      ("/css/", "text/html; charset=utf-8", b"<p>css"), ("/css/a%20b.css", "text/css; charset=utf-8", b"p {}"),
                                      ("/empty", "application/octet-stream", b""), ("/.well-known/x", "application/octet-stream", b"yes"),
                                      ("/in", "application/octet-stream", b"0123456789"), ("/kept/", "text/plain; charset=utf-8", b"0123456789"),
                                      ("/data.bin?x=1", "application/octet-stream", b"\0")):
                status, headers, answer = server.request("GET", path)
                self.assertEqual((200, type_, body), (status, headers["Content-Type"], answer), path)
            self.assertEqual(b"Hello, a!", server.post("/hello", b"a")[1])
            status, headers, body = server.request("HEAD", "/a.txt")
            self.assertEqual((200, "10", b""), (status, headers["Content-Length"], body))
            status, headers, _ = server.request("POST", "/a.txt")
            self.assertEqual((405, "GET, HEAD, OPTIONS"), (status, headers["Allow"]))

    def test_nothing_else_is_there(self):
        for server in self.both():
            for path in ("/nothing", "/.secret", "/out", "/pipe", "/../ubiq.toml", "/css/../a.txt", "/css%2Findex.html", "/%2e%2e/ubiq.toml",
                         "//etc/passwd", "/a.txt/", "/a.txt%00", "/css//index.html", "/" + "a" * 5000, "/./a.txt", "/ubiq.toml"):
                self.assertEqual(404, server.request("GET", path)[0], path)

    def test_a_folder_without_a_slash_leads_to_the_one_with(self):
        for server in self.both():
            for path in ("/css", "/kept"):
                status, headers, _ = server.request("GET", path)
                self.assertEqual((308, path + "/"), (status, headers["Location"]))

    def test_what_a_client_knows_is_not_sent_again(self):
        for server in self.both():
            _, headers, _ = server.request("GET", "/a.txt")
            self.assertEqual("no-cache", headers["Cache-Control"])
            tag = headers["ETag"]
            for known in (tag, "W/" + tag, '"x", ' + tag, "*"):
                status, headers, body = server.request("GET", "/a.txt", headers={"If-None-Match": known})
                self.assertEqual((304, tag, "10", b""), (status, headers["ETag"], headers["Content-Length"], body))
            self.assertEqual(200, server.request("GET", "/a.txt", headers={"If-None-Match": '"x"'})[0])
            if headers["Last-Modified"]:
                self.assertEqual(304, server.request("GET", "/a.txt", headers={"If-Modified-Since": headers["Last-Modified"]})[0])
            self.assertEqual("public, max-age=3600", server.request("GET", "/kept/a.txt")[1]["Cache-Control"])

    def test_parts_are_sent_when_they_are_asked_for(self):
        for server in self.both():
            tag = server.request("GET", "/a.txt")[1]["ETag"]
            for asked, described, body in (("0-3", "0-3", b"0123"), ("7-", "7-9", b"789"), ("-2", "8-9", b"89"), ("5-100", "5-9", b"56789"),
                                           ("-100", "0-9", b"0123456789")):
                status, headers, answer = server.request("GET", "/a.txt", headers={"Range": "bytes=" + asked, "If-Range": tag})
                self.assertEqual((206, "bytes %s/10" % described, body), (status, headers["Content-Range"], answer))
            for asked in ("10-", "-0"):
                status, headers, _ = server.request("GET", "/a.txt", headers={"Range": "bytes=" + asked})
                self.assertEqual((416, "bytes */10"), (status, headers["Content-Range"]))
            for asked in ("bytes=3-1", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes=-", "bytes=99999999999999999999-"):
                self.assertEqual((200, b"0123456789"), server.request("GET", "/a.txt", headers={"Range": asked})[::2], asked)
            self.assertEqual(200, server.request("GET", "/a.txt", headers={"Range": "bytes=0-3", "If-Range": '"x"'})[0])
            self.assertEqual(416, server.request("GET", "/empty", headers={"Range": "bytes=0-"})[0])
            status, headers, _ = server.request("HEAD", "/a.txt", headers={"Range": "bytes=0-3"})
            self.assertEqual((200, "10"), (status, headers["Content-Length"]))

    def test_a_change_shows_at_once(self):
        directory = self.make()
        server = self.start(directory)
        old = server.request("GET", "/a.txt")[1]["ETag"]
        self.write(os.path.join(directory, "public"), "a.txt", "new")
        _, headers, body = server.request("GET", "/a.txt")
        self.assertEqual(b"new", body)
        self.assertNotEqual(old, headers["ETag"])

    def test_a_bundle_made_by_hand_reaches_no_folder(self):
        result = self.run_ubiq("serve", self.project('[files."/a{b}"]\nfolder = "public"\n', function("hello", "/")))
        self.assertIn("is no path to answer files at", result.stderr)
        result = self.run_ubiq("serve", self.project(FILES, function("hello", "/x")))
        self.assertIn("public: No such file or directory; expected a folder", result.stderr)


if __name__ == "__main__":
    support.main()
