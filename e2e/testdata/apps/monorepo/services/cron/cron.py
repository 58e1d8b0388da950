import os
import time
from urllib.request import Request, urlopen

while True:
    try:
        urlopen(Request(os.environ["API_URL"] + "/nightly", method="POST")).read()
        print("ran", flush=True)
    except OSError as error:
        print(error, flush=True)
    time.sleep(1)
