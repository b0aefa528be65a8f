import time, uuid
from datetime import datetime, timedelta, UTC
from contacts import reach, timeline, search
from contacts.models import *
from contacts.timeline import NewEvent
from django.db import connection
T0=datetime(2026,1,1,tzinfo=UTC)
def test_perf(business, capsys):
    N=20000
    with business.scope():
        people=Contact.objects.bulk_create([Contact(name="张欣怡", phone="+8613800000000") for _ in range(N)], batch_size=5000)
        t=time.time()
        for i in range(0,N,5000):
            timeline.record(NewEvent(p.pk,"follow.opened",T0+timedelta(minutes=p.pk%9999),"import",uuid.uuid4().hex,{"staff":f"s{p.pk%50}"}) for p in people[i:i+5000])
        t1=time.time()
        for i in range(0,N,5000):
            reach.rebuild(p.pk for p in people[i:i+5000])
        t2=time.time()
        for i in range(0,N,5000):
            reach.rebuild(p.pk for p in people[i:i+5000])
        t3=time.time()
        ids=[p.pk for p in people[:5000]]
        with connection.cursor() as c:
          for st in ("_LOCK","_NEW_STAFF","_REACHED","_CHANGED","_DROP","_WRITE"):
            c.execute("EXPLAIN (ANALYZE) "+getattr(reach,st), {"tenant":business.pk,"contacts":ids})
            plan=[r[0][:150] for r in c.fetchall()]
            with capsys.disabled(): print("=====",st, [p for p in plan if "Time" in p or "Trigger" in p])
    with capsys.disabled(): print(f"\nrecord {t1-t:.1f} rebuild {t2-t1:.1f} again {t3-t2:.1f}")
import hashlib
from contacts import ingest
from tenants.models import Callback
def test_ingest_speed(wechat, capsys):
    code=wechat.live_code(wechat.join("amy"), tags=("a",), welcome_text="hi")
    rows=[]
    with wechat.business.scope():
        for i in range(1000):
            body=f"<xml><MsgType>event</MsgType><Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType><CreateTime>1790000000</CreateTime><UserID>amy</UserID><ExternalUserID>wm{i}</ExternalUserID><State>{code.state}</State><WelcomeCode>w{i}</WelcomeCode></xml>".encode()
            rows.append(Callback(account=wechat.account, body=body, digest=hashlib.sha256(body).digest()))
        Callback.objects.bulk_create(rows)
    t=time.time(); ingest.work(wechat.business.pk); t2=time.time()
    with capsys.disabled():
        print(f"\ningest 1000: {t2-t:.1f} s")
