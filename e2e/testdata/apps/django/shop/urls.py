from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from shop.models import Note


def index(request):
    with open("/code/title.txt") as title:
        return HttpResponse(f"notes: {Note.objects.count()} {title.read()}")


@csrf_exempt
def add(request):
    Note.objects.create(text="a note")
    return HttpResponse("kept")


urlpatterns = [path("", index), path("notes", add)]
